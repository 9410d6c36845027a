// @ts-check
// Writes each text of the built app compressed beside it, once and as small as it gets: the server
// sends `name.br` or `name.gz` in place of `name` to browsers that understand it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const BUILT = new URL('dist/', import.meta.url)
/** What is smaller as text than as bytes; pictures and fonts are compressed already. */
const TEXT = /\.(css|html|js|json|svg|txt|webmanifest)$/
/** The smallest gain for which the browser is made to unpack. */
const GAIN_MIN = 128

const compressors = [
  // Its best is what it does unless told otherwise.
  { end: '.br', compress: brotliCompressSync },
  { end: '.gz', compress: (/** @type {Buffer} */ text) => gzipSync(text, { level: 9 }) },
]

for (const name of readdirSync(BUILT, { recursive: true, encoding: 'utf8' })) {
  if (!TEXT.test(name)) continue
  const text = readFileSync(new URL(name, BUILT))
  for (const { end, compress } of compressors) {
    const compressed = compress(text)
    if (compressed.length + GAIN_MIN <= text.length) {
      writeFileSync(new URL(name + end, BUILT), compressed)
    }
  }
}
