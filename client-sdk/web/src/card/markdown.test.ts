import type { Token } from 'marked'
import { expect, test } from 'vitest'
import { beginsWith, lineIn, plain, treeOf } from './markdown.ts'

const kinds = (tokens: readonly Token[]): string[] =>
  tokens.flatMap(token => [token.type, ...('tokens' in token ? kinds(token.tokens ?? []) : [])])

test('a text is read as a tree in which markup is nothing but text', () => {
  expect(kinds(treeOf('# A\n**b** [c](https://x.org)'))).toEqual([
    'heading',
    'text',
    'paragraph',
    'strong',
    'text',
    'text',
    'link',
    'text',
  ])
  const html = treeOf('<img src=x onerror=alert(1)>')
  expect(html.map(({ type, raw }) => [type, raw])).toEqual([
    ['html', '<img src=x onerror=alert(1)>'],
  ])
})

test('whoever writes a text cannot keep its readers waiting', () => {
  const len = 16 * 1024
  for (const part of ['>', '*a ', '[', '![a](', '_a', '`a', '|a', '<', '> - ', '&a', 'www.a@']) {
    const text = part.repeat(len / part.length)
    const tree = treeOf(text)
    expect(tree.map(token => token.raw).join('').length, part).toBeGreaterThan(0)
  }
})

test('what programs write for the sake of HTML is read as it is meant', () => {
  expect(plain('a &lt; b &amp;&amp; c &quot;d&quot; &#39;e&#39; &copy; &amp;lt;')).toBe(
    `a < b && c "d" 'e' &copy; &lt;`,
  )
})

test.each([
  ['**Disk** is _full_, see [the page](https://example.org/x)', 'Disk is full, see the page'],
  ['# Weather\n\n- warm\n- dry\n  1. `24°`\n', 'Weather warm dry 24°'],
  ['> said\n> before\n\nand now', 'said before and now'],
  ['| shop | sold |\n|---|---|\n| Central | **12** |', 'shop sold Central 12'],
  ['- [x] done\n- [ ] open', '☑ done ☐ open'],
  ['![a cat](https://example.org/cat.png) ~~old~~ \\*kept\\*', 'a cat old *kept*'],
  ['a &lt; b\n---\n```\nlet x = 1\n```', 'a < b let x = 1'],
  ['<b>not</b> markup', '<b>not</b> markup'],
  ['no form at all', 'no form at all'],
])('%j is read in one line as %j', (text, line) => {
  expect(lineIn(text)).toBe(line)
})

test('a line of what is nested without end is still made', () => {
  expect(lineIn('>'.repeat(2_000)).length).toBeLessThanOrEqual(2_000)
})

test('a title that the text begins with is not shown twice', () => {
  expect(beginsWith('### 雪櫃報告\n\nwarm', '雪櫃報告')).toBe(true)
  expect(beginsWith('\n**Build `7`** \nfailed', 'Build 7')).toBe(true)
  expect(beginsWith('Build 7 failed', 'Build 7')).toBe(false)
  expect(beginsWith('fridge\n# Build 7', 'Build 7')).toBe(false)
  expect(beginsWith('', 'Build 7')).toBe(false)
})
