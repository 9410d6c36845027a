import type { ConvId } from '@carillon/client'
import type { CDPSession } from '@playwright/test'
import { atRest, badge, open as enter, message } from './chatting.ts'
import { Company } from './company.ts'
import { FAST, talkALot } from './history.ts'
import { test as base, expect, figure, type Page, Server, Wire } from './kit.ts'

const TITLE = 'Since the beginning'
const MESSAGES = 100_000
const UNREAD = 50_000

/** A frame is late when it comes after this: 60 a second, and what the clock is not exact. */
const FRAME_MS = 17.5
/** For 95 of 100 frames; on a busy machine in proportion to those of a page with nothing on it. */
const FRAME_BAR_MS = 20
const BUSY_RATIO = 1.25
/** Both pages take turns, so that both meet the same machine. */
const TURNS = 5
const TURN_MS = 1_200
/** Pixels a second. */
const SPEED = 4_000

/** Pages of older messages that come while one looks, and how far what one looks at may move. */
const PREPENDS = 24
const ANCHOR_PX = 1

/** What a page may hold, however long the conversation is. */
const NODES_MAX = 3_000
const HEAP_GROWTH_MAX = 24 * 1024 * 1024
/** To scroll past this many messages is to have many of them given up again. */
const SCROLLED = 4_000

declare global {
  interface Window {
    /** Where what one looks at stood, from its place at the start, in each frame since. */
    moves: number[]
  }
}

/** A company in which a group has talked for long. */
const test = base.extend<object, { long: ConvId }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
    async ({}, use) => {
      const server = new Server(['--demo'], FAST)
      await server.start()
      await use(server)
      await server.stop()
      server.dispose()
    },
    { scope: 'worker' },
  ],
  long: [
    async ({ server }, use) => {
      const conv = await new Company(server).group(TITLE, 'amy', 'bob', 'carol', 'dan', 'erin')
      const start = performance.now()
      await talkALot(server, conv, ['bob', 'carol'], MESSAGES)
      figure(`wrote ${MESSAGES} messages in ${Math.round((performance.now() - start) / 1_000)} s`)
      await use(conv)
    },
    { scope: 'worker', timeout: 240_000 },
  ],
})

// A trace takes a picture of the page with every step: that would be measured too.
test.use({ trace: 'off' })

test('100,000 messages scroll as smoothly as nothing at all', { tag: '@figures' }, async ({
  open,
  browser,
  long,
}) => {
  const empty = await (await browser.newContext()).newPage()
  const page = await open('amy', { path: `/c/${long}` })
  await atTheEnd(page)
  const before = await topSeen(page)
  const devtools = await page.context().newCDPSession(page)
  const busy = await processorOf(devtools)
  const idle: number[][] = []
  const scrolling: number[][] = []
  for (let turn = 1; turn <= TURNS; turn += 1) {
    idle.push(await empty.evaluate(frames, TURN_MS))
    const deltas = page.evaluate(frames, TURN_MS)
    await scrollUp(devtools, TURN_MS)
    scrolling.push(await deltas)
  }
  await empty.context().close()
  const passed = before - (await topSeen(page))
  const [bar, mine] = [spread(idle), spread(scrolling)]
  const ms = ((await busy()) / scrolling.flat().length).toFixed(1)
  figure(`frames of an empty page: ${bar.words}`)
  figure(`frames while scrolling by ${passed} messages: ${mine.words}, ${ms} ms of work each`)
  expect(passed).toBeGreaterThan(100)
  expect(mine.p95).toBeLessThanOrEqual(Math.max(FRAME_BAR_MS, bar.p95 * BUSY_RATIO))
})

test('older messages come without moving what one looks at', { tag: '@figures' }, async ({
  open,
  server,
  long,
}) => {
  test.setTimeout(120_000)
  const wire = new Wire(server)
  const page = await open('erin', { baseURL: await wire.start(), path: `/c/${long}` })
  await atTheEnd(page)
  const farthest: number[] = []
  for (let time = 1; time <= PREPENDS; time += 1) {
    wire.hold()
    await page.evaluate(atRest)
    await page.mouse.wheel(0, -(await untilOlder(page)))
    await page.waitForFunction(isNearStart)
    await page.evaluate(atRest)
    const height = await page.evaluate(watchTop)
    wire.letThrough()
    await page.waitForFunction(isLonger, height)
    await page.evaluate(atRest)
    farthest.push(await page.evaluate(() => Math.max(...window.moves.map(Math.abs))))
  }
  figure(`moved by ${PREPENDS} pages of older messages: at most ${Math.max(...farthest)} px`)
  expect(Math.max(...farthest), farthest.join(' ')).toBeLessThanOrEqual(ANCHOR_PX)
  wire.dispose()
})

test('a page stays small, however far one scrolls', { tag: '@figures' }, async ({ open, long }) => {
  test.setTimeout(120_000)
  const page = await open('amy', { path: `/c/${long}` })
  await atTheEnd(page)
  const heap = await heapOf(page)
  const before = await heap()
  const start = await topSeen(page)
  let nodes = 0
  while (start - (await topSeen(page)) < SCROLLED) {
    for (let notch = 1; notch <= 20; notch += 1) await page.mouse.wheel(0, -500)
    nodes = Math.max(nodes, await page.locator('*').count())
  }
  // What is far away is given up when the list has come to rest.
  const growth = async () => (await heap()) - before
  await expect.poll(growth).toBeLessThan(HEAP_GROWTH_MAX)
  const kB = Math.round((await growth()) / 1024)
  figure(`after ${SCROLLED} messages: at most ${nodes} elements, heap grown by ${kB} KiB`)
  expect(nodes).toBeLessThan(NODES_MAX)
})

test('one jumps over 50,000 unread messages, and back', { tag: '@figures' }, async ({
  open,
  company,
  long,
}) => {
  const { head = 0 } = await company.as('dan', 'log.read', { topic: `c:${long}`, limit: 1 })
  const read = head - UNREAD
  await company.as('dan', 'conv.read', { conv: long, seq: read })
  const dan = await open('dan')
  await expect(badge(dan, TITLE)).toHaveText(`${UNREAD} unread messages`)
  await enter(dan, TITLE)
  const newest = await textAt(company, long, head)
  await expect(message(dan, newest)).toBeInViewport()

  const away = performance.now()
  await dan.getByRole('button', { name: `Jump to ${UNREAD} unread messages` }).click()
  await expect(message(dan, await textAt(company, long, read + 1))).toBeInViewport()
  await expect(dan.getByText('New messages')).toBeInViewport()
  const back = performance.now()
  await dan.getByRole('button', { name: 'Jump to the latest' }).click()
  await expect(message(dan, newest)).toBeInViewport()
  const ms = [back - away, performance.now() - back].map(Math.round)
  figure(`jumped over ${UNREAD} messages in ${ms[0]} ms, back in ${ms[1]} ms`)
  expect(await dan.locator('*').count()).toBeLessThan(NODES_MAX)
})

/** The conversation is open at its end, and the mouse over it. */
async function atTheEnd(page: Page): Promise<void> {
  await expect(page.getByRole('article').last()).toBeInViewport()
  await page.getByRole('log').hover()
}

/** The beginning of a message's text, which no other has. */
async function textAt(company: Company, conv: ConvId, seq: number): Promise<string> {
  const { events } = await company.as('dan', 'log.read', { topic: `c:${conv}`, after: seq - 1 })
  const text = /"text":"(message \d+ of)/.exec(JSON.stringify(events[0]?.data))?.[1]
  if (!text) throw new Error(`there is no message at ${seq}`)
  return text
}

/** The number of the uppermost message: messages are numbered as they were written, nearly. */
async function topSeen(page: Page): Promise<number> {
  const text = await page.getByRole('article').first().innerText()
  return Number(/message (\d+) of/.exec(text)?.[1])
}

/** Bytes that are in use, without what nobody needs any more. */
async function heapOf(page: Page): Promise<() => Promise<number>> {
  const devtools = await page.context().newCDPSession(page)
  return async () => {
    await devtools.send('HeapProfiler.collectGarbage')
    return (await devtools.send('Runtime.getHeapUsage')).usedSize
  }
}

/** Turns the wheel as fast as a person does who looks for something. */
async function scrollUp(devtools: CDPSession, ms: number): Promise<void> {
  const yDistance = Math.round((SPEED * ms) / 1_000)
  const how = { yDistance, speed: SPEED, gestureSourceType: 'mouse' as const }
  await devtools.send('Input.synthesizeScrollGesture', { x: 900, y: 450, ...how })
}

/** In a page: the times between frames, for so long. */
function frames(ms: number): Promise<number[]> {
  return new Promise(done => {
    const deltas: number[] = []
    const next = (start: number, last: number) =>
      requestAnimationFrame(now => {
        deltas.push(now - last)
        if (now - start < ms) next(start, now)
        else done(deltas)
      })
    requestAnimationFrame(now => next(now, now))
  })
}

/** What the page's own thread has worked since, in milliseconds of the processor. */
async function processorOf(devtools: CDPSession): Promise<() => Promise<number>> {
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
  const worked = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1_000
  }
  const before = await worked()
  return async () => (await worked()) - before
}

/** Frames of several turns: all of them in words, and the bar's figure of the middle turn. */
function spread(turns: number[][]): { p95: number; words: string } {
  const sorted = turns.flat().sort((a, b) => a - b)
  const part = (share: number) => at(sorted, share)
  const middle = turns.map(turn =>
    at(
      [...turn].sort((a, b) => a - b),
      0.95,
    ),
  )
  const inTime = sorted.filter(delta => delta <= FRAME_MS).length / sorted.length
  const [p50, p95, most] = [part(0.5), part(0.95), part(1)].map(ms => ms.toFixed(1))
  const share = `${(inTime * 100).toFixed(1)} % in time`
  return {
    p95: at(
      middle.sort((a, b) => a - b),
      0.5,
    ),
    words: `p50 ${p50} ms, p95 ${p95} ms, longest ${most} ms, ${share}`,
  }
}

function at(sorted: number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}

/** How far the wheel has to go until older messages are wanted: one screen from the start. */
function untilOlder(page: Page): Promise<number> {
  return page.getByRole('log').evaluate(log => Math.max(0, log.scrollTop - log.clientHeight))
}

/** In the page: older messages are wanted, two screens from the start. */
function isNearStart(): boolean {
  const log = document.querySelector('[role=log]')
  return log !== null && log.scrollTop < log.clientHeight * 2
}

/** In the page: notes in each painted frame how far the uppermost message seen has moved. */
function watchTop(): number {
  const log = document.querySelector('[role=log]')
  if (!log) throw new Error('no conversation is open')
  const edge = log.getBoundingClientRect().top
  const topOf = (row: Element) => row.getBoundingClientRect().top
  const row = [...log.querySelectorAll('article')].find(row => topOf(row) >= edge)
  if (!row) throw new Error('there is no message')
  const key = `article[data-key="${row.dataset.key}"]`
  const start = topOf(row)
  const moves: number[] = []
  window.moves = moves
  const { port1, port2 } = new MessageChannel()
  // What a frame has done is painted before this comes.
  port1.onmessage = () => {
    const now = log.querySelector(key)
    moves.push(now ? topOf(now) - start : Number.POSITIVE_INFINITY)
  }
  const next = () =>
    requestAnimationFrame(() => {
      if (window.moves !== moves) return
      port2.postMessage(undefined)
      next()
    })
  next()
  return log.scrollHeight
}

function isLonger(height: number): boolean {
  return (document.querySelector('[role=log]')?.scrollHeight ?? 0) > height + 500
}
