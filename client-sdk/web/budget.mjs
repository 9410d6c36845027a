// @ts-check
// What a browser loads before it shows anything must stay small: fails if it does not.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUILT = new URL('dist/', import.meta.url)
/** JavaScript of the first load, in bytes after gzip. */
const SCRIPT_LEN_MAX = 180_000
/** JavaScript that is loaded on the way into a meeting, beside that. */
const MEETING_LEN_MAX = 120_000

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
const weigh = (/** @type {string} */ name) =>
  gzipSync(readFileSync(new URL(name, BUILT)), { level: 9 }).length
const sum = (/** @type {number[]} */ all) => all.reduce((sum, size) => sum + size, 0)
const sizes = scripts.map(weigh)
const total = sum(sizes)
// All that a module and what it imports weigh, without what is there already.
const loaded = new Set(scripts.map(name => name.replace('assets/', '')))
const meeting = readdirSync(new URL('assets/', BUILT)).filter(name => /^Meet-.*\.js$/.test(name))
const onTheWay = [...imported(meeting, loaded)]
const ofMeeting = sum(onTheWay.map(name => weigh(`assets/${name}`)))

/** The modules that these import, and themselves. */
function imported(/** @type {string[]} */ names, /** @type {Set<string>} */ known) {
  const found = new Set(names)
  for (const name of found) {
    const text = readFileSync(new URL(`assets/${name}`, BUILT), 'utf8')
    for (const [, other = ''] of text.matchAll(/\bfrom\s*[`'"]\.\/([\w-]+\.js)[`'"]/g)) {
      if (!known.has(other)) found.add(other)
    }
  }
  return found
}

const kB = (/** @type {number} */ bytes) => `${(bytes / 1000).toFixed(1)} kB`
const report = [
  ...scripts.map((name, i) => `  ${kB(sizes[i] ?? 0).padStart(9)}  ${name}\n`),
  `first load: ${kB(total)} of JavaScript after gzip, at most ${kB(SCRIPT_LEN_MAX)}\n`,
  `a meeting: ${kB(ofMeeting)} beside it, at most ${kB(MEETING_LEN_MAX)}\n`,
]
process.stdout.write(report.join(''))
const wrong =
  ((scripts.length < 2 || languages.length < 3 || onTheWay.length < 2) &&
    'dist/ has no script or no language where it is looked for: this check is out of date') ||
  (total > SCRIPT_LEN_MAX && 'the first load is too large: load parts of it later') ||
  (ofMeeting > MEETING_LEN_MAX && 'a meeting is too large: load parts of it later')
if (wrong) {
  process.stderr.write(`${wrong}\n`)
  process.exitCode = 1
}
