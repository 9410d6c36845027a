import { box, open as enter, message, row, say } from './chatting.ts'
import { expect, figure, type Page, test, Wire } from './kit.ts'

/** All windows of a person say the same within so long after one of them came back. */
const BAR_MS = 2_000
/** What the browser itself says while it is cut off. */
const UNREACHABLE = /net::ERR_|WebSocket connection/
/** Looks so often whether it is so far, in milliseconds. */
const OFTEN = { intervals: [25] }

/** The list of conversations with what is unread, top to bottom. */
function list(page: Page): Promise<string[]> {
  const rows = page.getByRole('region', { name: 'Conversations' }).getByRole('link')
  return rows.allInnerTexts()
}

/** The messages of the open conversation, with how far each has come. */
function messages(page: Page): Promise<string[]> {
  return page.getByRole('article').allInnerTexts()
}

/** What some of these pages say and others do not. */
async function differing(
  what: (page: Page) => Promise<string[]>,
  pages: readonly Page[],
): Promise<string[]> {
  const all = await Promise.all(pages.map(what))
  const said = [...new Set(all.map(lines => lines.join(' / ')))]
  return said.length > 1 ? said : []
}

/** Cuts a device off, and brings it back as its system does; answers when that was. */
async function away(page: Page, wire: Wire): Promise<() => Promise<number>> {
  wire.cut()
  await page.context().setOffline(true)
  await expect(page.getByText('You are offline.')).toBeVisible()
  return async () => {
    wire.mend()
    const back = Date.now()
    await page.context().setOffline(false)
    return back
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

    const wake = await away(laptop, ofLaptop)
    await say(laptop, 'Written on the train')
    await company.say(other, 'dan', 'Which week do you want?')
    await say(bob, 'Shall we begin at nine?')
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

    const woken = await wake()
    await expect.poll(() => differing(list, [tab, second, phone, laptop]), OFTEN).toEqual([])
    await expect.poll(() => differing(messages, [tab, laptop]), OFTEN).toEqual([])
    await expect(message(laptop, 'Written on the train')).toContainText('1 unread')
    const laptopMs = Date.now() - woken
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
    await company.say(conv, 'carol', 'I am late')
    const back = await answer()
    await expect(row(phone, here)).toContainText('I am late')
    await expect(row(phone, there)).not.toContainText('unread')
    await expect.poll(() => differing(list, [tab, second, phone, laptop]), OFTEN).toEqual([])
    const phoneMs = Date.now() - back
    figure(`all windows agree ${phoneMs} ms after a phone came back`)
    expect(Math.max(laptopMs, phoneMs)).toBeLessThanOrEqual(BAR_MS)
  } finally {
    for (const wire of [ofPhone, ofLaptop]) wire.dispose()
  }
})
