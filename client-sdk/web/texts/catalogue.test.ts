import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultsOf } from './entries.ts'
import { catalogue, type Entry } from './plugin.ts'
import { asked, literals, parse, strings } from './sources.ts'

const SRC = join(import.meta.dirname, '../src')

/** The app's own source files. */
function sources() {
  const names = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => /\.tsx?$/.test(name) && !name.includes('.test.'))
    .map(name => parse(name, readFileSync(join(SRC, name), 'utf8')))
}

/** What a caller asks for: `key` where `key_one` and `key_other` stand. */
const asAsked = (key: string) => key.replace(/_(one|other)$/, '')

describe('the catalogue', () => {
  const texts = catalogue()
  const files = sources()
  const keys = new Set([...texts.keys()].map(asAsked))

  test('has every text in every language, filled with the same names, in Cantonese words', () => {
    expect(texts.size).toBeGreaterThan(100)
    expect(faultsOf(texts)).toEqual([])
  })

  test('has no text that nobody asks for', () => {
    const found = new Set(files.flatMap(file => [...strings(file)]))
    expect([...keys].filter(key => !found.has(key))).toEqual([])
  })

  test('has every text that somebody asks for', () => {
    const wanted = files.flatMap(file => [...asked(file)])
    expect(new Set(wanted).size).toBeGreaterThan(50)
    expect(wanted.filter(key => !keys.has(key))).toEqual([])
  })

  test('has everything that people read or hear', () => {
    const found = files.flatMap(file =>
      literals(file)
        .filter(({ text }) => !keys.has(text))
        .map(({ line, text }) => `${file.fileName}:${line} ${text}`),
    )
    expect(found).toEqual([])
  })
})

describe('the check of the entries', () => {
  const good: Entry = { 'zh-HK': '收到', en: 'Got it', 'zh-CN': '收到' }
  const check = (entries: Record<string, Entry>) => faultsOf(new Map(Object.entries(entries)))

  test('is content with what is right', () => {
    const many = { 'zh-HK': '{{count}} 個人', en: '{{count}} people', 'zh-CN': '{{count}} 人' }
    const aim = { 'zh-HK': '其他目的，為了了解', en: 'Aims', 'zh-CN': '其他的目的' }
    expect(check({ good, n_one: { en: 'one person' }, n_other: many, aim })).toEqual([])
  })

  test.each<[string, Record<string, Entry>, string]>([
    ['a missing language', { a: { 'zh-HK': '收到', en: 'Got it' } }, 'a has no text in zh-CN'],
    ['an empty text', { a: { ...good, en: ' ' } }, 'a has no text in en'],
    ['a plural without the other form', { a_other: good }, 'a_other stands without a_one'],
    [
      'one and many in Chinese',
      { a_one: { ...good }, a_other: good },
      'a_one has a text in zh-HK that is never shown',
    ],
    [
      'another name to fill in',
      { a: { 'zh-HK': '{{name}}', en: '{{nmae}}', 'zh-CN': '{{name}}' } },
      'a in en is filled with "nmae", not "name"',
    ],
    [
      'a name that a plural leaves out',
      {
        a_one: { en: 'one' },
        a_other: {
          'zh-HK': '{{who}}{{count}}',
          en: '{{count}}{{who}}',
          'zh-CN': '{{who}}{{count}}',
        },
      },
      'a_one in en is filled with "", not "who"',
    ],
    [
      'Mandarin',
      { a: { ...good, 'zh-HK': '我的手機' } },
      'a in zh-HK says 的, which is not Cantonese',
    ],
    [
      'more of it',
      { a: { ...good, 'zh-HK': '沒有訊息' } },
      'a in zh-HK says 沒, which is not Cantonese',
    ],
  ])('finds %s', (_, entries, fault) => {
    expect(check(entries)).toContain(fault)
  })
})

describe('the check of the sources', () => {
  const texts = (source: string) => literals(parse('a.tsx', source)).map(literal => literal.text)

  test('is content with keys, names of classes and what is no word', () => {
    const source = `
      const at = <a className="big" href="/x" title={t('close')}>{t(on ? 'on' : 'off')} · 12:30</a>
      const icon = <Icon name="bell" label={name} key="word">{people.get('amy')}</Icon>
      toast('good', t('saved'))`
    expect(texts(source)).toEqual([])
    expect([...asked(parse('a.tsx', source))]).toEqual(['close', 'on', 'off', 'saved'])
  })

  test.each([
    ['words between tags', '<p>Hello</p>', 'Hello'],
    ['Chinese words', '<p>{n} 收到</p>', '收到'],
    ['a string in braces', "<p>{'Hello'}</p>", 'Hello'],
    ['one by a condition', "<p>{on ? t('on') : 'Off'}</p>", 'Off'],
    ['one behind &&', "<p>{on && 'On'}</p>", 'On'],
    ['one if there is no other', "<p>{name ?? 'Nobody'}</p>", 'Nobody'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source that is looked at
    ['a template', '<p>{`${n} people`}</p>', 'people'],
    ['a spoken attribute', '<button aria-label="Close" />', 'Close'],
    ['one in braces', "<input placeholder={'Name'} />", 'Name'],
    ['a property of ours', "const item = { label: 'Remove', onSelect }", 'Remove'],
    ['a toast', "toast('good', 'Saved')", 'Saved'],
  ])('finds %s', (_, source, text) => {
    expect(texts(source)).toEqual([text])
  })
})
