import type { ConvId } from '@carillon/client'
import { atRest, badge, message, row, say } from './chatting.ts'
import type { Company } from './company.ts'
import { expect, figure, type Page, test } from './kit.ts'

/** Bars for somebody who has never been here: the middle one of so many times. */
const FIRST_PAINT_MS = 1_000
const USABLE_MS = 2_000
const TIMES = 5
/** What may move by itself, as browsers count it: the share of the screen times the way. */
const SHIFT_MAX = 0.01
/** Several pages of the log. */
const MESSAGES = 250

interface Shift {
  value: number
  what: string
}

declare global {
  interface Window {
    /** What has moved by itself since this was asked last. */
    takeShifts: () => Shift[]
  }
}

test('who comes for the first time sees and writes at once', { tag: '@figures' }, async ({
  open,
  company,
}) => {
  const conv = await company.group('Cold', 'amy', 'bob')
  await company.say(conv, 'bob', 'Good morning')
  const paint: number[] = []
  const list: number[] = []
  const usable: number[] = []
  for (let time = 1; time <= TIMES; time += 1) {
    const page = await open('amy', { path: 'about:blank' })
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
    await page.goto(`/c/${conv}`, { waitUntil: 'commit' })
    list.push(await appeared(page, 'section[aria-label="Conversations"] a'))
    usable.push(Math.max(await appeared(page, 'article'), await appeared(page, 'textarea:enabled')))
    paint.push(await firstPaint(page))
    await say(page, `I am here for the time ${time}`)
    await expect(message(page, `I am here for the time ${time}`)).toBeVisible()
    await page.context().close()
  }
  const words = [`first paint ${middle(paint)} ms`, `conversations ${middle(list)} ms`]
  figure(`cold: ${words.join(', ')}, messages and the box ${middle(usable)} ms`)
  expect(middle(paint)).toBeLessThanOrEqual(FIRST_PAINT_MS)
  expect(Math.max(middle(list), middle(usable))).toBeLessThanOrEqual(USABLE_MS)
})

/** When something was on the page for the first time, from the beginning of the navigation. */
async function appeared(page: Page, selector: string): Promise<number> {
  const look = (selector: string) => document.querySelector(selector) && performance.now()
  const moment = await page.waitForFunction(look, selector, { polling: 'raf' })
  return (await moment.jsonValue()) ?? Number.NaN
}

function firstPaint(page: Page): Promise<number> {
  return page.evaluate(() => {
    const paints = performance.getEntriesByName('first-contentful-paint')
    return paints[0]?.startTime ?? Number.NaN
  })
}

function middle(times: number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN)
}

test('nothing moves by itself while messages load', async ({ open, company }) => {
  test.setTimeout(120_000)
  const title = 'Still'
  const conv = await company.group(title, 'amy', 'bob', 'carol', 'dan')
  await talkALot(company, conv)
  const page = await open('amy', { path: 'about:blank' })
  await page.addInitScript(noteShifts)

  await page.goto(`/c/${conv}`)
  await expect(message(page, newest)).toBeInViewport()
  // It is read half a second later: by then everything is there.
  await expect(badge(page, title)).toBeHidden()
  await holdsStill(page, 'the address of a conversation')

  await page.goto('/')
  await expect(row(page, title)).toBeVisible()
  await page.evaluate(() => window.takeShifts())
  await row(page, title).click()
  await expect(message(page, newest)).toBeInViewport()
  await holdsStill(page, 'a conversation of the list')

  await page.getByRole('log').hover()
  // What the wheel moves does not move by itself: one turn has ended before the next begins.
  await expect(async () => {
    await page.mouse.wheel(0, -600)
    await page.evaluate(atRest)
    await expect(message(page, /message 1 of/)).toBeInViewport({ timeout: 1 })
  }).toPass({ intervals: [1], timeout: 60_000 })
  await holdsStill(page, 'older messages')

  await page.getByRole('button', { name: 'Jump to the latest' }).click()
  await expect(message(page, newest)).toBeInViewport()
  await page.evaluate(() => window.takeShifts())
  for (const text of ['One more', 'And\nanother\none', 'The last one']) {
    await company.say(conv, 'bob', text)
    await expect(message(page, text.split('\n')[0] ?? text)).toBeInViewport()
  }
  await expect(badge(page, title)).toBeHidden()
  await holdsStill(page, 'new messages')

  // Were something to move, this would tell.
  await page
    .getByRole('main')
    .evaluate(main => main.insertAdjacentText('beforebegin', 'In the way'))
  await expect.poll(() => page.evaluate(moved)).toBeGreaterThan(SHIFT_MAX)
})

test('who scrolls up as soon as there are messages is not taken back', async ({
  open,
  company,
}) => {
  const title = 'Up'
  const conv = await company.group(title, 'amy', 'bob', 'carol', 'dan')
  await talkALot(company, conv)
  const page = await open('amy')
  await expect(row(page, title)).toBeVisible()
  const ways = page.evaluate(scrollUpAtOnce, STEPS)
  await row(page, title).click()
  const way = await ways
  expect(way).toHaveLength(STEPS)
  expect(way).toEqual([...way].sort((a, b) => a - b))
})

/** So many frames long the list is scrolled up: longer than its rows are measured. */
const STEPS = 40

/** In the page: scrolls up from the first message on; tells how far it is to the end each time. */
function scrollUpAtOnce(steps: number): Promise<number[]> {
  const STEP = 60
  return new Promise(done => {
    const way: number[] = []
    const next = () => {
      const log = document.querySelector('[role=log]')
      if (log && (way.length > 0 || document.querySelector('article'))) {
        way.push(Math.round(log.scrollHeight - log.clientHeight - log.scrollTop))
        log.scrollTop -= STEP
      }
      if (way.length < steps) requestAnimationFrame(next)
      else done(way)
    }
    next()
  })
}

const newest = `message ${MESSAGES} of`

/** Several people at once, so that nobody is slowed down. */
async function talkALot(company: Company, conv: ConvId): Promise<void> {
  const authors = ['amy', 'bob', 'carol', 'dan']
  for (let number = 1; number <= MESSAGES; number += 1) {
    const lines = 'a few more words of it '.repeat((number * 7) % 11)
    const login = authors[(number * 3) % 4] ?? 'bob'
    await company.say(conv, login, `message ${number} of many: ${lines}`)
  }
}

/** In the page: keeps what the browser says has moved. */
function noteShifts(): void {
  interface LayoutShift extends PerformanceEntry {
    value: number
    hadRecentInput: boolean
    sources: { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[]
  }
  let shifts: Shift[] = []
  const note = (entries: PerformanceEntryList) => {
    for (const { value, hadRecentInput, sources } of entries as LayoutShift[]) {
      const moved = sources.map(({ node, previousRect, currentRect }) => {
        const name = node instanceof Element ? node.className : node?.nodeName
        const [before, now] = [previousRect, currentRect]
        return `${name}: ${before.x},${before.y} to ${now.x},${now.y}`
      })
      shifts.push({ value, what: `${hadRecentInput ? 'after input, ' : ''}${moved.join('; ')}` })
    }
  }
  const observer = new PerformanceObserver(list => note(list.getEntries()))
  observer.observe({ type: 'layout-shift', buffered: true })
  window.takeShifts = () => {
    note(observer.takeRecords())
    const taken = shifts
    shifts = []
    return taken
  }
}

function moved(): number {
  return window.takeShifts().reduce((sum, { value }) => sum + value, 0)
}

async function holdsStill(page: Page, when: string): Promise<void> {
  const shifts = await page.evaluate(() => window.takeShifts())
  const sum = shifts.reduce((sum, { value }) => sum + value, 0)
  figure(`moved by itself with ${when}: ${sum.toFixed(4)}`)
  const seen = shifts.map(({ value, what }) => `${value.toFixed(4)} ${what}`)
  expect(sum, seen.join('\n')).toBeLessThan(SHIFT_MAX)
}
