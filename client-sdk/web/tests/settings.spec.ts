import { box, open as enter, message, row, say } from './chatting.ts'
import { expect, type Page, test } from './kit.ts'

/** The colour behind everything, as it is painted. */
const ground = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

const heading = (page: Page) => page.getByRole('heading', { name: 'Settings' })

/** Chooses one of a few. */
async function choose(page: Page, of: string, choice: string): Promise<void> {
  await page.getByRole('group', { name: of }).getByText(choice, { exact: true }).click()
}

test('another language is spoken at once, after a reload, and on the other devices', async ({
  open,
}) => {
  const page = await open('nelson', { path: '/settings' })
  const phone = await open('nelson', { path: '/people' })
  await expect(phone.getByRole('heading', { name: 'People' })).toBeVisible()
  await choose(page, 'Language', '繁體中文')
  await expect(page.getByRole('heading', { name: '設定' })).toBeVisible()
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-HK')
  await expect(phone.getByRole('heading', { name: '同事' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('heading', { name: '設定' })).toBeVisible()
  await choose(page, '語言', '简体中文')
  await expect(page.getByRole('heading', { name: '设置' })).toBeVisible()
  await expect(phone.getByRole('link', { name: '聊天' })).toBeVisible()
  await choose(page, '语言', 'English')
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await expect(page.locator('html')).toHaveAttribute('lang', 'en')
})

test('colours and size of text are chosen for this device, and stay', async ({ open }) => {
  const page = await open('nelson', { path: '/settings', colorScheme: 'light' })
  const elsewhere = await open('nelson', { path: '/settings', colorScheme: 'light' })
  await expect(page.getByRole('group', { name: 'Colours' })).toBeVisible()
  const light = await ground(page)
  await choose(page, 'Colours', 'Dark')
  const dark = await ground(page)
  expect(dark).not.toBe(light)
  const height = async () => (await heading(page).boundingBox())?.height ?? 0
  const normal = await height()
  await choose(page, 'Size of text', 'Big')
  await expect.poll(height).toBeGreaterThan(normal * 1.1)
  await page.reload()
  await expect(heading(page)).toBeVisible()
  expect(await ground(page)).toBe(dark)
  expect(await height()).toBeGreaterThan(normal * 1.1)
  expect(await ground(elsewhere)).toBe(light)
  await choose(page, 'Colours', 'As the system')
  expect(await ground(page)).toBe(light)
  await page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => ground(page)).toBe(dark)
})

test('who prefers so sends by Ctrl+Enter, and Enter begins a line', async ({ open, company }) => {
  const title = 'Keys'
  await company.group(title, 'nelson', 'bob')
  const page = await open('nelson', { path: '/settings' })
  await choose(page, 'Which key sends', 'Ctrl+Enter sends, Enter begins a line')
  await page.getByRole('link', { name: 'Chats' }).click()
  await enter(page, title)
  await box(page).pressSequentially('one')
  await box(page).press('Enter')
  await box(page).pressSequentially('two')
  await expect(box(page)).toHaveValue('one\ntwo')
  await box(page).press('Control+Enter')
  await expect(message(page, 'one')).toContainText('two')
  await expect(box(page)).toHaveValue('')
})

test('times are shown in the time zone that somebody chose', async ({ open, company }) => {
  const title = 'Times'
  const conv = await company.group(title, 'nelson', 'bob')
  const seq = await company.say(conv, 'bob', 'What time is it?')
  const { events } = await company.as('bob', 'msg.list', { conv, after: seq - 1 })
  const clock = (timeZone: string) =>
    new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone }).format(
      events[0]?.at,
    )
  const page = await open('nelson', { path: '/settings' })
  for (const zone of ['America/New_York', 'Asia/Hong_Kong']) {
    await page.getByLabel('Time zone').selectOption(zone)
    await page.getByRole('link', { name: 'Chats' }).click()
    await enter(page, title)
    await expect(message(page, 'What time is it?').getByRole('time')).toHaveText(clock(zone))
    await page.getByRole('link', { name: 'Settings' }).click()
  }
})

/** Signs out on the page of settings, which may ask for more than a yes. */
async function signOut(page: Page, by = 'Sign out'): Promise<void> {
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('button', { name: 'Sign out on this device' }).click()
  await page.getByRole('dialog', { name: 'Sign out' }).getByRole('button', { name: by }).click()
}

test('who signs out here leaves nothing behind of what was written and not sent', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(/status of 401/)
  const title = 'Kept'
  await company.group(title, 'nelson', 'bob')
  const page = await open('nelson')
  await enter(page, title)
  await say(page, 'Sent')
  await expect(message(page, 'Sent').getByRole('button', { name: /read/i })).toBeVisible()
  await box(page).fill('Not sent yet')
  await signOut(page)
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  const left = () => page.evaluate(async () => (await indexedDB.databases()).length)
  await expect.poll(left).toBe(0)
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('Not sent')
  await page.getByRole('button', { name: /Nelson Yip/ }).click()
  await page.getByRole('link', { name: 'Chats' }).click()
  await expect(row(page, title)).toContainText('You: Sent')
  await enter(page, title)
  await expect(box(page)).toHaveValue('')
})

test('who signs out is asked before messages that were not sent are thrown away', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(/status of 401|WebSocket/)
  const title = 'Unsent'
  await company.group(title, 'nelson', 'bob')
  const page = await open('nelson', { path: '/people' })
  // Calls get through, and the connection for messages does not: as behind some proxies.
  const cut: (() => void)[] = []
  await page.routeWebSocket('**/v1/ws', socket => {
    if (cut.length > 0) return void socket.close()
    socket.connectToServer()
    cut.push(() => void socket.close())
  })
  await page.goto('/')
  await enter(page, title)
  await expect(page.getByRole('log')).toBeVisible()
  for (const end of cut) end()
  await say(page, 'Never sent')
  await expect(message(page, 'Never sent').getByText('Sending')).toBeVisible()
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('button', { name: 'Sign out on this device' }).click()
  const question = page.getByRole('dialog', { name: 'Sign out' })
  await expect(question).toContainText('One message has not been sent yet.')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('link', { name: 'Chats' }).click()
  await enter(page, title)
  await expect(message(page, 'Never sent').getByText('Sending')).toBeVisible()
  await signOut(page, 'Delete and sign out')
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  const left = () => page.evaluate(async () => (await indexedDB.databases()).length)
  await expect.poll(left).toBe(0)
})

test('who signs out of a session that has ended elsewhere leaves nothing behind either', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(/status of 401/)
  const title = 'Ended'
  await company.group(title, 'nelson', 'bob')
  const page = await open('nelson')
  await enter(page, title)
  await box(page).fill('Not sent yet')
  // The server does not know who asks, as with a session that is over.
  await page.context().clearCookies()
  await signOut(page)
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  const left = () => page.evaluate(async () => (await indexedDB.databases()).length)
  await expect.poll(left).toBe(0)
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('Not sent')
})

test('a language that cannot be fetched is spoken once there is a connection again', async ({
  open,
  company,
  wire,
  address,
  faults,
}) => {
  faults.allow(/net::ERR_|WebSocket/)
  const page = await open('nelson', { baseURL: address })
  // What came through the connection: it is there.
  await expect(row(page, '全公司公告 All hands')).toBeVisible()
  const texts = '**/assets/zh-CN-*.js'
  await page.route(texts, route => route.abort())
  const failed = page.waitForEvent('requestfailed', request => request.url().includes('zh-CN'))
  await company.as('nelson', 'org.member.update', { locale: 'zh-CN' })
  await failed
  await expect(page.getByRole('link', { name: 'Chats' })).toBeVisible()
  await page.unroute(texts)
  wire.cut()
  wire.mend()
  await expect(page.getByRole('link', { name: '聊天' })).toBeVisible()
})
