import { box, open as enter, message, row, say } from './chatting.ts'
import { expect, figure, type Page, test, Wire } from './kit.ts'

/** All windows of a person say the same within so long after one of them came back. */
const BAR_MS = 2_000
/** What the browser itself says while it is cut off. */
const UNREACHABLE = /net::ERR_|WebSocket connection/
/** What a window shows. */
interface Sight {
  /** The conversations on the screen with what is unread, top to bottom. */
  rows: string[]
  /** The messages of the open conversation, with how far each has come. */
  messages: string[]
  /** When the last of these came, in milliseconds since 1970. */
  at: number
  /** When the device last came back, in milliseconds since 1970. */
  back: number
}

declare global {
  interface Window {
    sight: Sight
  }
}

/** Writes down in the page what it shows: a test is told later, on a busy machine much later. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const shown = () => {
      const links = document.querySelectorAll<HTMLElement>(
        '[aria-label="Conversations"] [data-conv]',
      )
      const rows = [...links]
        .map(row => ({ text: row.innerText, box: row.getBoundingClientRect() }))
        .filter(({ box }) => box.bottom <= innerHeight)
        .sort((one, other) => one.box.top - other.box.top)
      const messages = document.querySelectorAll<HTMLElement>('article')
      return {
        rows: rows.map(({ text }) => text),
        messages: [...messages].map(message => message.innerText),
      }
    }
    const look = () => {
      const now = shown()
      const { rows, messages } = window.sight
      if (JSON.stringify({ rows, messages }) === JSON.stringify(now)) return
      window.sight = { ...window.sight, ...now, at: Date.now() }
    }
    window.sight = { ...shown(), at: Date.now(), back: 0 }
    addEventListener('online', () => {
      window.sight.back = Date.now()
    })
    const all = { subtree: true, childList: true, characterData: true, attributes: true }
    new MutationObserver(look).observe(document.documentElement, all)
  })
}

const sightOf = (page: Page): Promise<Sight> => page.evaluate(() => window.sight)

/** What some of these windows say and others do not. */
function differing(said: readonly string[][]): string[] {
  const different = [...new Set(said.map(lines => lines.join(' / ')))]
  return different.length > 1 ? different : []
}

/** Waits until all say the same; answers how long that took since a device came back. */
async function agreed(pages: readonly Page[], talking: readonly Page[], back: Page) {
  const rowsOf = async () => {
    const all = (await Promise.all(pages.map(sightOf))).map(({ rows }) => rows)
    // A larger screen shows more of them.
    const least = Math.min(...all.map(rows => rows.length))
    return all.map(rows => rows.slice(0, least))
  }
  const messagesOf = async () =>
    (await Promise.all(talking.map(sightOf))).map(({ messages }) => messages)
  await expect.poll(async () => differing(await rowsOf())).toEqual([])
  await expect.poll(async () => differing(await messagesOf())).toEqual([])
  const sights = await Promise.all([...pages, ...talking].map(sightOf))
  return Math.max(...sights.map(({ at }) => at)) - (await sightOf(back)).back
}

/** Cuts a device off; answers how it comes back, as its system does that. */
async function away(page: Page, wire: Wire): Promise<() => Promise<void>> {
  wire.cut()
  await page.context().setOffline(true)
  await expect(page.getByText('You are offline.')).toBeVisible()
  return async () => {
    wire.mend()
    await page.context().setOffline(false)
  }
}

test('two tabs, a phone and a closed laptop come to say the same', async ({
  open,
  company,
  server,
  faults,
}) => {
  faults.allow(UNREACHABLE)
  const [ofPhone, ofLaptop] = [new Wire(server), new Wire(server)]
  try {
    const [here, there] = ['Stocktake tonight', 'Leave in December']
    const conv = await company.group(here, 'amy', 'bob', 'carol')
    const other = await company.group(there, 'amy', 'dan')
    const tab = await open('amy')
    const second = await tab.context().newPage()
    await second.goto('/')
    const phone = await open('amy', {
      baseURL: await ofPhone.start(),
      viewport: { width: 390, height: 844 },
      hasTouch: true,
    })
    const laptop = await open('amy', { baseURL: await ofLaptop.start() })
    const bob = await open('bob')
    for (const page of [tab, laptop, bob]) await enter(page, here)
    await expect(row(phone, here)).toBeVisible()
    const all = [tab, second, phone, laptop]
    for (const page of all) await watch(page)

    const wake = await away(laptop, ofLaptop)
    await say(laptop, 'Written on the train')
    await company.say(other, 'dan', 'Which week do you want?')
    await say(bob, 'Shall we begin at nine?')
    await expect(message(tab, 'Shall we begin at nine?')).toBeVisible()
    await say(tab, 'Yes, after closing')
    await enter(phone, there)
    await expect(message(phone, 'Which week do you want?')).toBeVisible()
    await box(phone).fill('The third')
    await phone.getByRole('button', { name: 'Send', exact: true }).click()
    await expect(row(tab, there)).toContainText('You: The third')
    await phone.getByRole('link', { name: 'Back' }).click()
    await company.say(other, 'dan', 'Noted')
    await expect(message(tab, 'Yes, after closing').getByText('1 unread')).toBeVisible()
    await expect(message(laptop, 'Yes, after closing')).toBeHidden()

    await wake()
    await expect(message(laptop, 'Written on the train')).toContainText('1 unread')
    const laptopMs = await agreed(all, [tab, laptop], laptop)
    figure(`all windows agree ${laptopMs} ms after a laptop came back`)
    await expect(row(laptop, there)).toContainText('1 unread message')
    await expect(laptop.getByRole('article')).toHaveText([
      /Shall we begin at nine/,
      /Yes, after closing/,
      /Written on the train/,
    ])

    const answer = await away(phone, ofPhone)
    await enter(second, there)
    await expect(row(tab, there)).not.toContainText('unread')
    await say(laptop, 'See you tonight')
    await expect(row(tab, here)).toContainText('You: See you tonight')
    await company.say(conv, 'carol', 'I am late')
    await answer()
    await expect(row(phone, here)).toContainText('I am late')
    await expect(row(phone, there)).not.toContainText('unread')
    const phoneMs = await agreed(all, [tab, laptop], phone)
    figure(`all windows agree ${phoneMs} ms after a phone came back`)
    expect(Math.max(laptopMs, phoneMs)).toBeLessThanOrEqual(BAR_MS)
  } finally {
    for (const wire of [ofPhone, ofLaptop]) wire.dispose()
  }
})
