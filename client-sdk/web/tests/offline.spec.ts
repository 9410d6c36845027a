import type { Locator } from '@playwright/test'
import { box, open as enter, message, row, say } from './chatting.ts'
import { expect, type Page, test } from './kit.ts'

/** What the browser itself says while nobody answers. */
const UNREACHABLE = /net::ERR_|WebSocket connection/
/** All of them are on the screen, so that they can be counted. */
const TALL = { width: 1200, height: 5_000 }
const WRITTEN_OFFLINE = 50

const numbered = (count: number, what: string) =>
  Array.from({ length: count }, (_, index) => `${what} ${index + 1}.`)

const banner = (page: Page): Locator => page.getByText('You are offline.')

/** What stands on the screen, from the first message to the last. */
function texts(page: Page): Promise<string[]> {
  const words = page.getByRole('article').locator('[dir=auto]')
  return words.allInnerTexts()
}

/** The same, of a client that was refused so often that it would wait half a minute by itself. */
async function textsAtLast(page: Page): Promise<string[]> {
  await page.evaluate(() => dispatchEvent(new Event('online')))
  return texts(page)
}

test('what is written offline looks so, and arrives once and in order', async ({
  open,
  company,
  faults,
  wire,
  address,
}) => {
  faults.allow(UNREACHABLE)
  const title = 'In the lift'
  await company.group(title, 'amy', 'bob')
  const amy = await open('amy', { baseURL: address, viewport: TALL })
  const bob = await open('bob', { viewport: TALL })
  for (const page of [amy, bob]) await enter(page, title)
  await say(amy, 'Before the lift.')
  await expect(message(bob, 'Before the lift.')).toBeVisible()

  wire.cut()
  await expect(banner(amy)).toBeVisible()
  const written = numbered(WRITTEN_OFFLINE, 'Floor')
  for (const text of written) await say(amy, text)
  await expect(amy.getByRole('article').getByText('Sending')).toHaveCount(written.length)
  await expect(row(amy, title).getByRole('img', { name: 'Waiting to be sent' })).toBeVisible()
  await say(bob, 'Are you there?')

  wire.mend()
  await amy.getByRole('button', { name: 'Reconnect now' }).click()
  await expect(banner(amy)).toBeHidden()
  const said = ['Before the lift.', 'Are you there?', ...written]
  for (const page of [amy, bob]) await expect.poll(() => texts(page)).toEqual(said)
  await expect(amy.getByText('Sending')).toHaveCount(0)
  await expect(row(amy, title).getByRole('img', { name: 'Waiting to be sent' })).toBeHidden()
})

test('what was written before the window was closed is sent when one is opened again', async ({
  open,
  company,
  faults,
  wire,
  address,
}) => {
  faults.allow(UNREACHABLE)
  const title = 'Closed too early'
  await company.group(title, 'amy', 'bob')
  const amy = await open('amy', { baseURL: address })
  const bob = await open('bob', { viewport: TALL })
  for (const page of [amy, bob]) await enter(page, title)
  wire.cut()
  await expect(banner(amy)).toBeVisible()
  const written = numbered(10, 'Note')
  for (const text of written) await say(amy, text)
  await expect(message(amy, 'Note 10.').getByText('Sending')).toBeVisible()
  const context = amy.context()
  await amy.close()
  wire.mend()
  const again = await context.newPage()
  faults.watch(again)
  await again.goto('/people')
  await expect.poll(() => texts(bob)).toEqual(written)
  await again.getByRole('link', { name: 'Chats' }).click()
  await enter(again, title)
  await expect.poll(() => texts(again)).toEqual(written)
})

test('a server that dies in the middle loses and repeats nothing', async ({
  open,
  company,
  server,
  faults,
  address,
}) => {
  faults.allow(UNREACHABLE)
  const title = 'Power cut'
  await company.group(title, 'amy', 'bob')
  const where = { baseURL: address, viewport: TALL }
  const [amy, bob] = [await open('amy', where), await open('bob', where)]
  for (const page of [amy, bob]) await enter(page, title)
  const written = numbered(30, 'Line')
  for (const text of written.slice(0, 15)) await say(amy, text)
  await server.stop('SIGKILL')
  await expect(banner(amy)).toBeVisible()
  for (const text of written.slice(15)) await say(amy, text)
  await server.start()
  for (const page of [amy, bob]) {
    await expect.poll(() => textsAtLast(page)).toEqual(written)
    await expect(banner(page)).toBeHidden()
  }
  await expect(amy.getByText('Sending')).toHaveCount(0)
  await say(bob, 'All here')
  await expect(message(amy, 'All here')).toBeVisible()
})

test('a page that finds no server says so, and tries again when asked', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(UNREACHABLE)
  const title = 'Unreachable'
  await company.group(title, 'amy', 'bob')
  const amy = await open('amy')
  await expect(row(amy, title)).toBeVisible()
  await amy.context().route('**/v1/rpc/session.whoami', route => route.abort())
  await amy.reload()
  await expect(amy.getByText('The server cannot be reached.')).toBeVisible()
  await amy.context().unroute('**/v1/rpc/session.whoami')
  await amy.getByRole('button', { name: 'Try again' }).click()
  await enter(amy, title)
  await expect(box(amy)).toHaveValue('')
})
