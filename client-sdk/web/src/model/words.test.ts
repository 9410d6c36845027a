import { describe, expect, test } from 'vitest'
import { partsOf } from './words.ts'

const AMY = { user: 'amy', name: '陳美怡 Amy Chan' }
const ANN = { user: 'ann', name: '陳美怡' }
const links = (text: string) =>
  partsOf(text, []).flatMap(part => (part.kind === 'link' ? [[part.text, part.href]] : []))

describe('a text', () => {
  test.each([
    ['http://example.com', ['http://example.com', 'http://example.com/']],
    ['睇下 https://a.hk/b?c=1&d=2#e。', ['https://a.hk/b?c=1&d=2#e', 'https://a.hk/b?c=1&d=2#e']],
    ['（https://a.hk/b）', ['https://a.hk/b', 'https://a.hk/b']],
    ['(see https://a.hk/x_(y))', ['https://a.hk/x_(y)', 'https://a.hk/x_(y)']],
    ['HTTPS://A.HK/B!', ['HTTPS://A.HK/B', 'https://a.hk/B']],
    ['https://中文.hk/路', ['https://中文.hk/路', 'https://xn--fiq228c.hk/%E8%B7%AF']],
  ])('has a link in %s', (text, link) => {
    expect(links(text)).toEqual([link])
  })

  test.each([
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'ftp://a.hk',
    'https://',
    'http://bank.example@evil.example/',
    'http://user:word@evil.example/',
    'www.a.hk',
    'file:///etc/passwd',
  ])('has no link in %s', text => {
    expect(links(text)).toEqual([])
  })

  test('does not let what turns the direction of writing into an address', () => {
    expect(links('https://a.hk/\u202Egpj.exe')).toEqual([['https://a.hk/', 'https://a.hk/']])
  })

  test('is itself when its parts are joined', () => {
    for (const text of [
      '',
      'a',
      '<b>\n\n</b> https://a.hk https://b.hk',
      '@陳美怡 Amy Chan 你好 @陳美怡',
    ]) {
      const parts = partsOf(text, [AMY, ANN])
      expect(parts.map(part => part.text).join('')).toBe(text)
    }
  })

  test('mentions those who are mentioned, and nobody else', () => {
    const text = '@陳美怡 Amy Chan 同 @陳美怡，@黃志明 唔使'
    const mentions = partsOf(text, [ANN, AMY]).filter(part => part.kind === 'mention')
    expect(mentions).toEqual([
      { kind: 'mention', text: '@陳美怡 Amy Chan', user: 'amy' },
      { kind: 'mention', text: '@陳美怡', user: 'ann' },
    ])
    expect(partsOf(text, []).every(part => part.kind === 'text')).toBe(true)
  })

  test.each([
    ['addresses', 'https://a.hk/(((('.repeat(960)],
    ['brackets', `https://a.hk/${')'.repeat(16_000)}`],
    ['dots', `https://a.hk/${'.'.repeat(16_000)}a`],
    ['mentions', '@Bo '.repeat(4_000)],
  ])('of the full length is taken apart at once, if it is made of %s', (_, text) => {
    const absent = Array.from({ length: 199 }, (_, n) => ({ user: `u${n}`, name: `Bob ${n}` }))
    // The fastest of some: a machine that is busy elsewhere makes others wait.
    const took = Array.from({ length: 5 }, () => {
      const began = performance.now()
      partsOf(text, [{ user: 'bo', name: 'Bo' }, ...absent])
      return performance.now() - began
    })
    expect(Math.min(...took)).toBeLessThan(200)
  })
})
