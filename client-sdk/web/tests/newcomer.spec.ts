import { join } from 'node:path'
import type { Browser, BrowserContext } from '@playwright/test'
import { box, open as enter, message, row, say } from './chatting.ts'
import { test as base, expect, figure, type Page, PICTURES, Server } from './kit.ts'

/** From the first look at the page until two people have talked. */
const BAR_MS = 60_000

/** Each test has a server of its own, as it is when somebody starts it for the first time. */
const test = base.extend<{ start: (args?: string[]) => Promise<Server>; look: Look }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
  start: async ({}, use) => {
    const servers: Server[] = []
    await use(async args => {
      const server = new Server(args)
      servers.push(server)
      await server.start()
      return server
    })
    for (const server of servers) {
      await server.stop()
      server.dispose()
    }
  },
  look: async ({ browser, faults }, use) => {
    const contexts: BrowserContext[] = []
    // Who is not signed in is told so, which the browser writes down.
    faults.allow(/status of 40[0149]/)
    await use(async (url, options) => {
      const context = await browser.newContext(options)
      contexts.push(context)
      const page = await context.newPage()
      faults.watch(page)
      await page.goto(url)
      return page
    })
    for (const context of contexts) await context.close()
  },
})

type Look = (url: string, options?: Parameters<Browser['newContext']>[0]) => Promise<Page>

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

test('two people who know nothing are talking within a minute', async ({ start, look }) => {
  const server = await start()
  const begun = Date.now()
  let pictures = 0
  const picture = async (page: Page, of: string) => {
    pictures += 1
    await page.screenshot({ path: join(PICTURES, `newcomer-${pictures}-${of}.png`) })
  }
  const phone = await look(server.url, { ...PHONE, locale: 'zh-HK' })
  const desktop = await look(server.url, { locale: 'en-GB' })
  await expect(desktop.getByRole('button', { name: /Bob Wong/ })).toBeVisible()
  await picture(phone, 'phone-door')
  await picture(desktop, 'desktop-door')

  await phone.getByRole('button', { name: /陳美怡 Amy Chan/ }).click()
  await desktop.getByRole('button', { name: /Bob Wong/ }).click()
  await expect(phone.getByRole('region', { name: '傾偈清單' })).toBeVisible()
  await expect(row(desktop, '中環店 Central')).toBeVisible()
  await picture(phone, 'phone-list')
  await picture(desktop, 'desktop-list')

  await phone.getByRole('link').filter({ hasText: '黃志明 Bob Wong' }).click()
  await enter(desktop, '陳美怡 Amy Chan')
  const write = phone.getByRole('textbox')
  await write.fill('早晨！今日開舖順唔順利？')
  await phone.getByRole('button', { name: '傳送' }).click()
  await expect(message(desktop, '早晨！今日開舖順唔順利？')).toBeVisible()
  await say(desktop, 'Morning! All fine 👍')
  await expect(message(phone, 'Morning! All fine 👍')).toBeVisible()
  await expect(message(desktop, 'All fine').getByText('Read', { exact: true })).toBeVisible()
  const took = Date.now() - begun
  await picture(phone, 'phone-talk')
  await picture(desktop, 'desktop-talk')
  figure(`newcomers talk to each other after ${took} ms`)
  expect(took).toBeLessThan(BAR_MS)
})

test('a new server is opened by its link, and the next person by an invitation', async ({
  start,
  look,
}) => {
  const server = await start([])
  const stranger = await look(server.url)
  await expect(stranger.getByRole('heading', { name: 'This server is new' })).toBeVisible()
  const link = /\S+\/setup#\S+/.exec(server.printed)?.[0] ?? ''
  const ada = await look(link)
  await ada.getByLabel('Name of the organisation').fill('Peak Tram 山頂纜車')
  await ada.getByLabel('Your name').fill('Ada Poon')
  await ada.getByLabel('Sign-in name').fill('ada')
  await newPassword(ada)
  await ada.getByRole('button', { name: 'Create and sign in' }).click()
  await expect(ada.getByText('There are no conversations yet.')).toBeVisible()

  const late = await look(link)
  await late.getByLabel('Name of the organisation').fill('Somebody else')
  await late.getByLabel('Your name').fill('Eve')
  await late.getByLabel('Sign-in name').fill('eve')
  await newPassword(late)
  await late.getByRole('button', { name: 'Create and sign in' }).click()
  await expect(late.getByText('This link was used or is too old.')).toBeVisible()

  await ada.getByRole('link', { name: 'Manage' }).click()
  await ada.getByRole('link', { name: 'Invitations' }).click()
  await ada.getByRole('button', { name: 'New invitation' }).click()
  await ada.getByRole('button', { name: 'Make the link' }).click()
  const invitation = await ada.getByRole('textbox', { name: 'Link', exact: true }).inputValue()
  await ada.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click()

  const ben = await look(invitation)
  await expect(ben.getByRole('heading', { name: 'Join Peak Tram 山頂纜車' })).toBeVisible()
  await expect(ben.getByText('Ada Poon invites you to join')).toBeVisible()
  await ben.getByLabel('Your name').fill('Ben Yu')
  await ben.getByLabel('Sign-in name').fill('ben')
  await newPassword(ben)
  await ben.getByRole('button', { name: 'Join' }).click()
  await ben.getByRole('button', { name: 'New chat' }).first().click()
  await ben.getByRole('option', { name: /Ada Poon/ }).click()
  await say(ben, 'I am in!')
  await ada.getByRole('link', { name: 'Chats' }).click()
  await enter(ada, 'Ben Yu')
  await expect(message(ada, 'I am in!')).toBeVisible()
  await say(ada, 'Welcome')
  await expect(message(ben, 'Welcome')).toBeVisible()
  await expect(box(ben)).toHaveValue('')

  const third = await look(invitation)
  await expect(third.getByText('This link was used, withdrawn or is too old.')).toBeVisible()
})

async function newPassword(page: Page): Promise<void> {
  for (const label of ['New password', 'New password once more']) {
    await page.getByRole('textbox', { name: label, exact: true }).fill('a sentence to remember')
  }
}
