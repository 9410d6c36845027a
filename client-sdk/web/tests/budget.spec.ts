import { gzipSync } from 'node:zlib'
import { box } from './chatting.ts'
import { expect, figure, type Page, test } from './kit.ts'

/** JavaScript until the first message can be read and written, in bytes after gzip. */
const SCRIPT_LEN_MAX = 180_000

/** Counts the scripts that a page loads from now on. */
function weigh(page: Page): () => Promise<number> {
  const scripts: Promise<Buffer>[] = []
  page.on('response', answer => {
    const isScript = answer.request().resourceType() === 'script'
    if (isScript) scripts.push(answer.body())
  })
  return async () => {
    const lengths = (await Promise.all(scripts)).map(text => gzipSync(text, { level: 9 }).length)
    return lengths.reduce((sum, length) => sum + length, 0)
  }
}

test('little is loaded before somebody reads and writes', async ({ open, company, faults }) => {
  faults.allow(/status of 401/)
  const conv = await company.group('Light', 'amy', 'bob')
  await company.say(conv, 'bob', 'Good morning')
  const outside = await open(undefined, { path: 'about:blank' })
  const before = weigh(outside)
  await outside.goto('/')
  await expect(outside.getByRole('button', { name: /Amy Chan/ })).toBeVisible()
  const inside = await open('amy', { path: 'about:blank' })
  const after = weigh(inside)
  await inside.goto(`/c/${conv}`)
  await expect(inside.getByRole('article')).toBeVisible()
  await expect(box(inside)).toBeFocused()
  const [door, app] = [await before(), await after()]
  const kB = (length: number) => `${(length / 1_000).toFixed(1)} kB`
  figure(`JavaScript after gzip: ${kB(door)} to sign in, ${kB(app)} to read and write`)
  expect(app).toBeGreaterThan(50_000)
  expect(Math.max(door, app)).toBeLessThanOrEqual(SCRIPT_LEN_MAX)
})
