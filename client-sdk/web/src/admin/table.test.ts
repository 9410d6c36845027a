import { expect, test } from 'vitest'
import { decode, TEMPLATE, withCommas } from './table.ts'

const bytes = (...values: number[]) => new Uint8Array(values)
const utf8 = (text: string) => new TextEncoder().encode(text)

test.each([
  ['UTF-8', utf8('陳大文'), { text: '陳大文', encoding: 'utf-8' }],
  ['UTF-8 with its mark', utf8('\uFEFF陳大文'), { text: '陳大文', encoding: 'utf-8' }],
  ['Big5, as in Hong Kong', bytes(0xb3, 0xaf, 0xa4, 0x6a), { text: '陳大', encoding: 'big5' }],
  ['GB 18030, as in China', bytes(0xb3, 0xc2, 0xd0, 0xa1, 0xc0, 0xee, 0xff & 0x80), undefined],
  ['UTF-16', bytes(0xff, 0xfe, 0x73, 0x96), { text: '陳', encoding: 'utf-16le' }],
])('a file in %s is read', (_, file, table) => {
  if (table) expect(decode(file)).toEqual(table)
  else expect(decode(file).text.length).toBeGreaterThan(0)
})

test('cells from the clipboard become a table with commas', () => {
  const copied = 'login\tname\ttitle\r\namy\tChan, Amy\tthe "boss"\nbob\tBob\t"a, b"'
  expect(withCommas(copied)).toBe(
    'login,name,title\namy,"Chan, Amy","the ""boss"""\nbob,Bob,"a, b"',
  )
})

test('a table with commas stays as it is, also with a tab in a cell', () => {
  const table = 'login,name\r\namy,A\tB\r\n'
  expect(withCommas(table)).toBe(table)
})

test('the template has the columns that are needed, and says that it is UTF-8', () => {
  expect(TEMPLATE.startsWith('\uFEFFlogin,name,')).toBe(true)
})
