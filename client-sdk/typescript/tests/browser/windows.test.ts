/** Several windows of one person in Chromium, with its own IndexedDB, locks and sockets. */

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Client, text } from '../../src/node.ts'
import type { ConvId } from '../../src/protocol.ts'
import { type Stream, until } from '../kit.ts'
import { Carillon, caughtUp, type Person } from '../server/carillon.ts'
import { Line } from '../server/line.ts'

const PACKAGE = new URL('../..', import.meta.url).pathname
// What the tests answer in the server's place does not come from this machine, for Chromium.
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-features=LocalNetworkAccessChecks']
const PAGE = `<!doctype html><title>client</title>
<script type="module">
  import * as sdk from '/client.js'
  globalThis.sdk = sdk
</script>`

/** What the page has: the package, and then a client with what it heard. */
declare global {
  var sdk: typeof import('../../src/index.ts')
  var client: Client
}

let code: string
let carillon: Carillon
let amy: Person
let bob: Person
let browser: Browser

let conv: ConvId
let line: Line
let context: BrowserContext
let reader: { client: Client; stream: Stream }

beforeAll(async () => {
  const lib = { entry: 'src/index.ts', formats: ['es' as const] }
  const built = await build({
    root: PACKAGE,
    configFile: false,
    logLevel: 'silent',
    build: { write: false, lib },
  })
  const output = [built].flat().flatMap(result => ('output' in result ? result.output : []))
  code = output.map(chunk => (chunk.type === 'chunk' ? chunk.code : '')).join('')
  carillon = await Carillon.start()
  amy = await carillon.person('amy')
  bob = await carillon.person('bob')
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ARGS })
})

beforeEach(async () => {
  conv = await carillon.group(amy, bob)
  reader = await caughtUp(carillon.options(bob))
  line = await Line.start()
  line.aim(carillon.url)
  context = await browser.newContext()
  await context.route('**/blank', route => route.fulfill({ contentType: 'text/html', body: PAGE }))
  await context.route('**/client.js', route =>
    route.fulfill({ contentType: 'text/javascript', body: code }),
  )
})

afterEach(async () => {
  await reader.client.close()
  await context.close()
  await line.stop()
})

afterAll(async () => {
  await browser.close()
  await carillon.stop()
})

/** A window of Amy's, online. */
async function window(): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${line.url}/blank`)
  await page.waitForFunction(() => globalThis.sdk !== undefined)
  await page.evaluate(async token => {
    const state = globalThis.sdk.indexedDb('carillon-amy')
    const options = { url: location.origin, token, state }
    globalThis.client = await globalThis.sdk.Client.connect(options)
  }, amy.token)
  return page
}

/** Writes messages in a window; resolves when they are kept, or with `sent` when all are sent. */
function write(page: Page, texts: string[], sent = false): Promise<void> {
  return page.evaluate(
    async ({ conv, texts, sent }) => {
      const { client } = globalThis
      const message = (text: string) => ({ conv, body: { kind: 'text' as const, text } })
      const receipts = await Promise.all(texts.map(text => client.queue(message(text))))
      if (sent) await Promise.all(receipts.map(({ sent }) => sent))
    },
    { conv, texts, sent },
  )
}

function empty(page: Page): Promise<unknown> {
  return page.waitForFunction(() => globalThis.client.outbox.length === 0)
}

/** What Bob hears next in the group. */
async function heard(count: number): Promise<string[]> {
  const words: string[] = []
  while (words.length < count) {
    const { event } = await until(
      reader.stream,
      'event',
      ({ event }) => event.topic === `c:${conv}`,
    )
    const said = text(event)
    if (said !== undefined) words.push(said)
  }
  return words
}

function numbers(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name} ${at}`)
}

it('each sends what is written in it, and sees what is written in the other', async () => {
  const [one, two] = [await window(), await window()]
  for (const [at, page] of [one, two, one].entries()) {
    await write(page, [`message ${at}`], true)
    await Promise.all([empty(one), empty(two)])
  }
  expect(await heard(3)).toEqual(numbers('message', 3))
  await Promise.all([write(one, numbers('one', 20), true), write(two, numbers('two', 20), true)])
  const words = await heard(40)
  expect(words.filter(word => word.startsWith('one'))).toEqual(numbers('one', 20))
  expect(words.filter(word => word.startsWith('two'))).toEqual(numbers('two', 20))
})

it('one sends what was written offline in another that was closed, once and in order', async () => {
  const [one, two] = [await window(), await window()]
  line.aim(undefined)
  for (const page of [one, two]) {
    await page.waitForFunction(() => globalThis.client.connection.state === 'offline')
  }
  await write(one, numbers('offline', 50))
  await two.waitForFunction(() => globalThis.client.outbox.length === 50)
  await one.close()
  line.aim(carillon.url)
  await two.evaluate(() => globalThis.client.reconnect())
  expect(await heard(50)).toEqual(numbers('offline', 50))
  await empty(two)
  await write(two, ['the end'], true)
  expect(await heard(1), 'and nothing came twice').toEqual(['the end'])
})

it('one has what was written before the browser was closed', async () => {
  const one = await window()
  line.aim(undefined)
  await one.waitForFunction(() => globalThis.client.connection.state === 'offline')
  await write(one, numbers('before', 3))
  await one.close()
  line.aim(carillon.url)
  const two = await window()
  expect(await heard(3)).toEqual(numbers('before', 3))
  await empty(two)
})

it('one goes on where another has crashed while it was sending', async () => {
  const [one, two] = [await window(), await window()]
  const crash = new Promise(resolve => one.once('crash', resolve))
  const writing = write(one, numbers('message', 40)).catch(() => {})
  const first = await heard(1)
  const session = await context.newCDPSession(one)
  void session.send('Page.crash').catch(() => {})
  await crash
  await writing
  await empty(two)
  await write(two, ['the end'], true)
  const rest: string[] = []
  while (rest.at(-1) !== 'the end') rest.push(...(await heard(1)))
  const all = [...first, ...rest.slice(0, -1)]
  expect(all).toEqual(numbers('message', all.length))
})
