/** What is shipped: its size, and what the documents show of it. */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { expect, it } from 'vitest'

/** Of a first page's 180 kB; the names of operations and bounds grow with the protocol. */
const BROWSER_GZIP_MAX = 16_000
/** Of the 120 kB of a meeting's page; a tenth of it is calls over HTTP, which its client has too. */
const ROOMS_GZIP_MAX = 14_000
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** An entry as a browser loads it, with all that it needs. */
async function bundle(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    root: PACKAGE,
    build: {
      write: false,
      lib: { entry, formats: ['es'] },
      rolldownOptions: { output: { minify: true } },
    },
  })
  const output = [built].flat().flatMap(result => ('output' in result ? result.output : []))
  const chunks = output.flatMap(chunk => (chunk.type === 'chunk' ? chunk : []))
  expect(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])).toEqual(
    [],
  )
  return chunks.map(chunk => chunk.code).join('')
}

it.each([
  ['src/index.ts', 'indexedDB', BROWSER_GZIP_MAX],
  ['src/rooms.ts', 'replaceTrack', ROOMS_GZIP_MAX],
])('%s is small in a browser, and needs nothing else there', async (entry, what, most) => {
  const code = await bundle(entry)
  expect(code).toContain(what)
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(most)
})

it('loads nothing of meetings for who only writes', async () => {
  expect(await bundle('src/index.ts')).not.toContain('addTransceiver')
})

it.each(['README.md', '../../README.md'])('has its echo bot in %s, word for word', async file => {
  const example = await readFile(`${PACKAGE}/examples/echo-bot.ts`, 'utf8')
  expect(example.split('\n').length - 1).toBeLessThanOrEqual(15)
  const readme = await readFile(`${PACKAGE}/${file}`, 'utf8')
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block)
  expect(blocks).toContain(example)
})
