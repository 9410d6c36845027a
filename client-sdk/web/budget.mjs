// @ts-check
// What a browser loads before it shows anything must stay small: fails if it does not.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUILT = new URL('dist/', import.meta.url)
/** JavaScript of the first load, in bytes after gzip. */
const SCRIPT_LEN_MAX = 180_000

const page = readFileSync(new URL('index.html', BUILT), 'utf8')
// The entry, and the modules that it imports: the build names them all for the browser.
const tags = page.match(/<(?:script|link)\b[^>]*>/g) ?? []
const scripts = tags.flatMap(tag => {
  const first = tag.startsWith('<script') || /\brel="modulepreload"/.test(tag)
  const address = /\b(?:src|href)="\/([^"]+)"/.exec(tag)?.[1]
  return first && address ? [address] : []
})
// And one language, which is loaded before anything is drawn: the largest.
const length = (/** @type {string} */ name) => readFileSync(new URL(name, BUILT)).length
const languages = readdirSync(new URL('assets/', BUILT))
  .filter(name => /^(en|zh-HK|zh-CN)-.*\.js$/.test(name))
  .map(name => `assets/${name}`)
  .sort((a, b) => length(b) - length(a))
scripts.push(...languages.slice(0, 1))
const sizes = scripts.map(name => gzipSync(readFileSync(new URL(name, BUILT)), { level: 9 }).length)
const total = sizes.reduce((sum, size) => sum + size, 0)

const kB = (/** @type {number} */ bytes) => `${(bytes / 1000).toFixed(1)} kB`
const report = [
  ...scripts.map((name, i) => `  ${kB(sizes[i] ?? 0).padStart(9)}  ${name}\n`),
  `first load: ${kB(total)} of JavaScript after gzip, at most ${kB(SCRIPT_LEN_MAX)}\n`,
]
process.stdout.write(report.join(''))
const wrong =
  ((scripts.length < 2 || languages.length < 3) &&
    'dist/ has no script or no language where it is looked for: this check is out of date') ||
  (total > SCRIPT_LEN_MAX && 'the first load is too large: load parts of it later')
if (wrong) {
  process.stderr.write(`${wrong}\n`)
  process.exitCode = 1
}
