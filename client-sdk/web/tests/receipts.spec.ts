import { badge, open as enter, lookAway, message, row, say } from './chatting.ts'
import { expect, test } from './kit.ts'

test('a message is read when it was on the other screen for half a second', async ({
  open,
  company,
}) => {
  const title = 'Read'
  const conv = await company.group(title, 'amy', 'bob')
  const [amy, bob] = [await open('amy'), await open('bob')]
  await enter(amy, title)
  await say(amy, 'Can you see this?')
  const sent = message(amy, 'Can you see this?')
  await expect(sent.getByRole('button', { name: /^Unread, show/ })).toBeVisible()
  await expect(badge(bob, title)).toHaveText('1 unread message')
  const opened = Date.now()
  await enter(bob, title)
  await expect(sent.getByRole('button', { name: /^Read, show/ })).toBeVisible()
  await expect(badge(bob, title)).toBeHidden()
  const { events } = await company.as('amy', 'msg.list', { conv, after: 0 })
  const asked = { conv, seq: events[0]?.seq ?? 0, state: 'read' as const }
  const { people } = await company.as('amy', 'receipt.list', asked)
  expect((people[0]?.at ?? 0) - opened).toBeGreaterThanOrEqual(500)
})

test('what a window shows that nobody looks at is not read', async ({ open, company }) => {
  const title = 'Away'
  await company.group(title, 'amy', 'bob', 'carol')
  const [amy, bob, carol] = [await open('amy'), await open('bob'), await open('carol')]
  await enter(amy, title)
  await enter(bob, title)
  const back = await lookAway(bob)
  await say(amy, 'Is anybody there?')
  await expect(message(bob, 'Is anybody there?')).toBeVisible()
  // Carol's page has it later than Bob's, and looks at it for as long as it takes.
  await enter(carol, title)
  const sent = message(amy, 'Is anybody there?')
  await expect(sent.getByRole('button', { name: /^1 unread, show/ })).toBeVisible()
  await expect(badge(bob, title)).toHaveText('1 unread message')
  await sent.getByRole('button', { name: /^1 unread/ }).click()
  const panel = amy.getByRole('complementary', { name: 'Who has read it' })
  await expect(panel.getByRole('listitem')).toHaveText([/Bob Wong/])
  await back()
  await expect(sent.getByRole('button', { name: /^All read/ })).toBeVisible()
  await expect(panel.getByText('Everybody has read it.')).toBeVisible()
})

test('what comes while another conversation is open is not read', async ({ open, company }) => {
  await company.group('Open', 'amy', 'bob', 'carol')
  const closed = await company.group('Closed', 'amy', 'bob', 'carol')
  const [amy, bob, carol] = [await open('amy'), await open('bob'), await open('carol')]
  await enter(bob, 'Closed')
  await enter(bob, 'Open')
  await enter(amy, 'Closed')
  await say(amy, 'Only for those who look')
  await expect(badge(bob, 'Closed')).toHaveText('1 unread message')
  await enter(carol, 'Closed')
  const sent = message(amy, 'Only for those who look')
  await expect(sent.getByRole('button', { name: /^1 unread, show/ })).toBeVisible()
  expect(await company.unread('bob', closed)).toBe(1)
})

test('a glance is no reading', async ({ open, company }) => {
  const title = 'Glance'
  const conv = await company.group(title, 'amy', 'bob')
  const bob = await open('bob')
  await expect(row(bob, title)).toBeVisible()
  // Bob's time stands still but for what the test lets pass.
  await bob.clock.install()
  await bob.clock.pauseAt(Date.now() + 60_000)
  const seq = await company.say(conv, 'amy', 'Quick!')
  const read = async () => {
    const { counts } = await company.as('amy', 'receipt.counts', { conv, seqs: [seq] })
    return counts[0]?.[1]
  }
  await row(bob, title).click()
  await expect(message(bob, 'Quick!')).toBeVisible()
  await bob.clock.runFor(400)
  await bob.getByRole('link', { name: 'Settings' }).click()
  await expect(message(bob, 'Quick!')).toBeHidden()
  await bob.clock.runFor(1_000)
  expect(await read()).toBe(0)

  await bob.getByRole('link', { name: 'Chats' }).click()
  await row(bob, title).click()
  await expect(message(bob, 'Quick!')).toBeVisible()
  await expect
    .poll(async () => {
      await bob.clock.runFor(100)
      return read()
    })
    .toBe(1)
})

test('the panel lists who has read and when, and follows', async ({ open, company }) => {
  const title = 'Panel'
  await company.group(title, 'amy', 'bob', 'carol', 'dan')
  const [amy, bob, carol] = [await open('amy'), await open('bob'), await open('carol')]
  await enter(amy, title)
  await say(amy, 'Meeting at three')
  await enter(bob, title)
  const sent = message(amy, 'Meeting at three')
  await sent.getByRole('button', { name: /^2 unread, show/ }).click()
  const panel = amy.getByRole('complementary', { name: 'Who has read it' })
  await expect(panel.getByRole('listitem')).toHaveText([/Carol Lee/, /Dan Cheung/])
  await panel.getByRole('tab', { name: 'Read 1' }).click()
  await expect(panel.getByRole('listitem')).toHaveText([/Bob Wong\s*\d\d:\d\d/])
  await enter(carol, title)
  await expect(panel.getByRole('tab', { name: 'Read 2' })).toBeVisible()
  await expect(panel.getByRole('listitem')).toHaveText([/\d\d:\d\d/, /\d\d:\d\d/])
  await panel.getByRole('tab', { name: 'Unread 1' }).click()
  await expect(panel.getByRole('listitem')).toHaveText([/Dan Cheung/])
})

test('unread messages are counted in every window, and read in all of them', async ({
  open,
  company,
}) => {
  const title = 'Windows'
  const conv = await company.group(title, 'amy', 'jack')
  const jack = await open('jack')
  const beside = await jack.context().newPage()
  await beside.goto('/')
  const phone = await open('jack', { viewport: { width: 390, height: 844 } })
  const screens = [jack, beside, phone]
  const before = await unreadInTitle(jack)
  for (const text of ['one', 'two', 'three']) await company.say(conv, 'amy', text)
  for (const page of screens) {
    await expect(badge(page, title)).toHaveText('3 unread messages')
    await expect.poll(() => unreadInTitle(page)).toBe(before + 3)
  }
  await enter(phone, title)
  for (const page of [jack, beside]) {
    await expect(badge(page, title)).toBeHidden()
    await expect.poll(() => unreadInTitle(page)).toBe(before)
  }
})

/** The number that the browser shows in the tab. */
async function unreadInTitle(page: { title(): Promise<string> }): Promise<number> {
  return Number(/^\((\d+)\)/.exec(await page.title())?.[1] ?? 0)
}

test('of 150 unread messages one jumps to the first, under a line', async ({ open, company }) => {
  const title = 'Long ago'
  const conv = await company.group(title, 'amy', 'bob', 'dan', 'erin')
  const bob = await open('bob')
  const seqs: number[] = []
  for (let number = 1; number <= 150; number += 1) {
    const login = ['amy', 'dan', 'erin'][number % 3] ?? 'amy'
    seqs.push(await company.say(conv, login, `message ${number} of many`))
  }
  await expect(row(bob, title)).toContainText('150 unread messages')
  await enter(bob, title)
  await expect(message(bob, 'message 150 of many')).toBeInViewport()
  const [first = 0, last = 0] = [seqs[0], seqs.at(-1)]
  const counts = async () =>
    (await company.as('dan', 'receipt.counts', { conv, seqs: [first, last] })).counts
  // Who starts with the newest message has not read what was skipped.
  await expect.poll(counts).toEqual([
    [first, 0, 3],
    [last, 1, 3],
  ])

  await bob.getByRole('button', { name: 'Jump to 150 unread messages' }).click()
  await expect(bob.getByText('New messages')).toBeInViewport()
  await expect(message(bob, 'message 1 of many')).toBeInViewport()
  await expect(message(bob, 'message 150 of many')).not.toBeInViewport()
  await expect.poll(async () => (await counts())[0]).toEqual([first, 1, 3])

  await bob.getByRole('button', { name: 'Jump to the latest' }).click()
  await expect(message(bob, 'message 150 of many')).toBeInViewport()
  const middle = seqs[74] ?? 0
  const skipped = await company.as('dan', 'receipt.counts', { conv, seqs: [middle] })
  expect(skipped.counts).toEqual([[middle, 0, 3]])
})

test('the menu of a message stays under the mouse while its receipts come', async ({
  open,
  company,
}) => {
  const title = 'Menu'
  const conv = await company.group(title, 'amy', 'bob', 'carol', 'dan')
  const seq = await company.say(conv, 'amy', 'Press beside me')
  const page = await open('amy', { path: `/c/${conv}` })
  const mine = message(page, 'Press beside me')
  await mine.hover()
  const menu = mine.getByRole('button', { name: 'Message options' })
  const left = async () => (await menu.boundingBox())?.x
  const before = await left()
  await expect(mine.getByRole('button', { name: /^3 unread/ })).toBeVisible()
  expect(await left()).toBe(before)
  for (const login of ['bob', 'carol', 'dan']) await company.as(login, 'conv.read', { conv, seq })
  await expect(mine.getByRole('button', { name: /^All read/ })).toBeVisible()
  expect(await left()).toBe(before)
})
