/** What is shipped: its size, and what the documents show of it. */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { expect, it } from 'vitest'

/** Of a first page's 180 kB. */
const BROWSER_GZIP_MAX = 15_000
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

it('is small in a browser, and needs nothing else there', async () => {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    root: PACKAGE,
    build: {
      write: false,
      lib: { entry: 'src/index.ts', formats: ['es'] },
      rolldownOptions: { output: { minify: true } },
    },
  })
  const output = [built].flat().flatMap(result => ('output' in result ? result.output : []))
  const chunks = output.flatMap(chunk => (chunk.type === 'chunk' ? chunk : []))
  expect(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])).toEqual(
    [],
  )
  const code = chunks.map(chunk => chunk.code).join('')
  expect(code).toContain('indexedDB')
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(BROWSER_GZIP_MAX)
})

it.each(['README.md', '../../README.md'])('has its echo bot in %s, word for word', async file => {
  const example = await readFile(`${PACKAGE}/examples/echo-bot.ts`, 'utf8')
  expect(example.split('\n').length - 1).toBeLessThanOrEqual(15)
  const readme = await readFile(`${PACKAGE}/${file}`, 'utf8')
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block)
  expect(blocks).toContain(example)
})
