import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { alert, group, look, PHONE, SHIFT, send, shop, tallied, taps } from './dinging.ts'
import { Hands } from './hands.ts'
import { expect, type Page, test } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'

/** What keeps people out of a page as it stands. */
async function faults(page: Page): Promise<string[]> {
  return [...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]
}

test('a shop manager alerts ten people from a phone in four taps, and sees who has not confirmed', async ({
  open,
  company,
}) => {
  const morning = await shop(company, 10)
  const manager = await open(morning.manager, { ...PHONE, path: 'about:blank' })
  const counted = await taps(manager)
  await manager.goto('/')
  await manager.getByRole('link', { name: 'DING' }).tap()
  await manager.getByRole('button', { name: 'New DING' }).tap()
  await manager.getByRole('button', { name: morning.title }).tap()
  await manager.getByRole('textbox', { name: 'What it says' }).fill(SHIFT)
  await expect(manager.getByText('To 10 people').first()).toBeVisible()
  await look(manager, 'ding-composed')
  expect(await faults(manager)).toEqual([])
  await manager.getByRole('button', { name: 'Send the DING' }).tap()
  await tallied(manager, 0, 10)
  expect(await counted()).toBeLessThanOrEqual(4)
  await expect(group(manager, 'Not confirmed yet').getByRole('listitem')).not.toHaveCount(0)
  await look(manager, 'ding-board-sent')
  const [ada, ben] = await Promise.all([
    open(morning.staff[0], PHONE),
    open(morning.staff[1], { viewport: { width: 1280, height: 800 } }),
  ])
  await expect(alert(ada)).toContainText(SHIFT)
  await expect(ada).toHaveTitle(/DING \(1\)/)
  await look(ada, 'ding-alert')
  expect(await faults(ada)).toEqual([])
  await alert(ada).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(ada)).toBeHidden()
  await tallied(manager, 1, 10)
  await expect(alert(ben)).toContainText(SHIFT)
  await look(ben, 'ding-alert')
  await alert(ben).getByRole('button', { name: 'Decline' }).click()
  await alert(ben).getByRole('textbox', { name: 'Why do you decline?' }).fill('I am on leave')
  await look(ben, 'ding-decline')
  await alert(ben).getByRole('button', { name: 'Decline' }).click()
  await expect(alert(ben)).toBeHidden()
  await expect(manager.getByText('Not confirmed yet: 8')).toBeVisible()
  await manager.getByText('Declined: 1').click()
  await expect(group(manager, 'Declined')).toContainText('I am on leave')
  await expect(group(manager, 'Not confirmed yet')).toContainText(morning.names[9] ?? '')
  await expect(group(manager, 'Not confirmed yet')).not.toContainText(morning.names[0] ?? '')
  await look(manager, 'ding-board')
  expect(await faults(manager)).toEqual([])
})

test('what is confirmed on one device is gone from the other within a second', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const [login] = of.staff
  const [phone, desk] = await Promise.all([open(login, PHONE), open(login)])
  await send(company, of)
  await expect(alert(phone)).toBeVisible()
  await expect(alert(desk)).toBeVisible()
  await alert(phone).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(desk)).toBeHidden({ timeout: 1_000 })
  await expect(desk).not.toHaveTitle(/DING \(/)
})

test('an alert that needs a reply is confirmed by one, and its sender reads it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  const { ding } = await send(company, of, { reply_required: true })
  await expect(alert(page).getByRole('button', { name: 'Confirm' })).toHaveCount(0)
  await alert(page).getByRole('button', { name: 'Reply' }).tap()
  await alert(page).getByRole('button', { name: 'Confirm with this reply' }).tap()
  await expect(alert(page).getByRole('alert')).toContainText('Write a few words first')
  await alert(page).getByRole('textbox', { name: 'Your reply' }).fill('I come at half past eight')
  await look(page, 'ding-reply')
  await alert(page).getByRole('button', { name: 'Confirm with this reply' }).tap()
  await expect(alert(page)).toBeHidden()
  const board = await open(of.manager, { path: `/ding/${ding}` })
  await tallied(board, 1, 1)
  await expect(group(board, 'Confirmed')).toContainText('I come at half past eight')
})

test('several alerts wait one after the other, and those put aside stay in sight', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  await send(company, of, { text: 'First' })
  await expect(alert(page)).toContainText('First')
  await send(company, of, { text: 'Second' })
  await expect(alert(page)).toContainText('1 of 2')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await expect(alert(page)).toContainText('First')
  await alert(page).getByRole('button', { name: 'Later' }).tap()
  await expect(alert(page)).toContainText('Second')
  await alert(page).getByRole('button', { name: 'Later' }).tap()
  await expect(alert(page)).toBeHidden()
  const aside = page.getByRole('region', { name: '2 DINGs wait for your answer' })
  await expect(aside).toBeVisible()
  await look(page, 'ding-aside')
  expect(await faults(page)).toEqual([])
  await aside.getByRole('button', { name: 'Answer' }).tap()
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(page.getByText(/wait.* for your answer/)).toHaveCount(0)
})

test('the rest is reminded, not too often, and an alert that is taken back is gone', async ({
  open,
  company,
}) => {
  const of = await shop(company, 2)
  const page = await open(of.staff[0], PHONE)
  const { ding } = await send(company, of)
  await alert(page).getByRole('button', { name: 'Later' }).tap()
  await expect(alert(page)).toBeHidden()
  const board = await open(of.manager, { path: `/ding/${ding}` })
  await board.getByRole('button', { name: 'Remind the other 2' }).click()
  await expect(board.getByText('2 people are reminded')).toBeVisible()
  await expect(alert(page)).toBeVisible()
  const later = board.getByRole('button', { name: /^You can remind again in [1-5] minutes?$/ })
  await expect(later).toBeDisabled()
  await look(board, 'ding-reminded')
  await board.getByRole('button', { name: 'Take it back' }).click()
  await board.getByRole('dialog').getByRole('button', { name: 'Take the DING back' }).click()
  await expect(alert(page)).toBeHidden({ timeout: 1_000 })
  await expect(board.getByText('Taken back: 2')).toBeVisible()
})

test('who leads somebody that does not answer is called instead, and takes care of it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const steps = [
    { after_s: 0, channel: 'app' as const },
    { after_s: 1, channel: 'app' as const, whom: { kind: 'manager' as const } },
  ]
  const rules = { name: `At once ${of.title}`, steps, cost_max: 0 }
  const { policy } = await company.as('frank', 'ding.policy.create', { rules })
  const manager = await open(of.manager, PHONE)
  const to = { users: [...of.users] }
  const { ding } = await company.as('frank', 'ding.send', { text: SHIFT, to, policy })
  await expect(alert(manager)).toContainText(`Because ${of.names[0]} has not confirmed`)
  await look(manager, 'ding-instead')
  const board = await open('frank', { path: `/ding/${ding}` })
  await alert(manager).getByRole('button', { name: 'I take care of it' }).tap()
  await expect(alert(manager)).toBeHidden()
  await expect(group(board, 'Confirmed')).toContainText(/Max \d+ takes care of it/)
  await company.as('frank', 'ding.policy.remove', { policy })
})

test('whoever has only a keyboard answers an alert, and the focus stays in it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0])
  const hands = new Hands(page)
  await send(company, of)
  await expect(alert(page)).toBeVisible()
  const inside = () => page.evaluate(() => document.activeElement?.closest('dialog') !== null)
  expect(await inside()).toBe(true)
  await hands.goTo(alert(page).getByRole('button', { name: 'Decline' }))
  expect(await inside()).toBe(true)
  await hands.press('Enter')
  await expect(alert(page).getByRole('textbox')).toBeFocused()
  await hands.write('I am ill')
  await hands.use(alert(page).getByRole('button', { name: 'Decline' }))
  await expect(alert(page)).toBeHidden()
})

test('an alert behind another one whose sound was stopped is heard', async ({ open, company }) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  await send(company, of, { text: 'First' })
  const hush = alert(page).getByRole('button', { name: 'Stop the sound' })
  await hush.tap()
  await expect(hush).toHaveCount(0)
  await send(company, of, { text: 'Second' })
  await expect(alert(page)).toContainText('1 of 2')
  await expect(alert(page)).toContainText('First')
  await expect(hush).toBeVisible()
})

test('an answer that is given without a connection waits, says so, and is sent', async ({
  open,
  company,
  wire,
  address,
  faults: found,
}) => {
  found.allow(/net::ERR_/, /WebSocket connection to .* failed/)
  const of = await shop(company, 1)
  const page = await open(of.staff[0], { ...PHONE, baseURL: address })
  const { ding } = await send(company, of)
  await expect(alert(page)).toBeVisible()
  wire.cut()
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(page)).toContainText('Your answer waits')
  await look(page, 'ding-offline')
  wire.mend()
  await expect(alert(page)).toBeHidden({ timeout: 30_000 })
  const { sent } = await company.as(of.manager, 'ding.get', { ding })
  expect(sent?.confirmed).toBe(1)
})

test('those who have not read a message are alerted from the message itself', async ({
  open,
  company,
}) => {
  const of = await shop(company, 2)
  const seq = await company.say(of.conv, of.manager, 'The fire door stays shut.')
  await company.as(of.staff[1] ?? '', 'conv.read', { conv: of.conv, seq })
  const manager = await open(of.manager, { path: `/c/${of.conv}` })
  const said = manager.getByRole('article').filter({ hasText: 'The fire door' })
  await said.hover()
  await said.getByRole('button', { name: 'Message options' }).click()
  await manager.getByRole('menuitem', { name: 'DING those who have not read it' }).click()
  await expect(manager.getByText('To one person').first()).toBeVisible()
  await manager.getByRole('textbox', { name: 'What it says' }).fill('Please read this.')
  await look(manager, 'ding-about')
  await manager.getByRole('button', { name: 'Send the DING' }).click()
  await tallied(manager, 0, 1)
  const page = await open(of.staff[0], PHONE)
  await expect(alert(page)).toContainText('The fire door stays shut.')
  await look(page, 'ding-alert-about')
  await alert(page).getByRole('button', { name: 'Go to the message' }).tap()
  await expect(page.getByRole('article').filter({ hasText: 'The fire door' })).toBeVisible()
})

test('an alert of every Monday is listed, and ends when its sender says so', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.manager, { path: '/ding' })
  await page.getByRole('button', { name: 'New DING' }).click()
  await page.getByRole('button', { name: of.title }).click()
  await page.getByRole('textbox', { name: 'What it says' }).fill('Hand in the shift plan.')
  await page.getByText('When, how often, and how').click()
  await page.getByRole('radio', { name: 'At a time' }).check()
  await page.getByRole('combobox', { name: 'Repeat' }).selectOption('Every week')
  await expect(page.getByText(/^Next times: /)).toBeVisible()
  await look(page, 'ding-weekly')
  expect(await faults(page)).toEqual([])
  await page.getByRole('button', { name: 'Schedule the DING' }).click()
  await expect(page.getByText(/^Will be sent at /).first()).toBeVisible()
  await page.getByRole('link', { name: 'Back' }).click()
  await page.getByRole('radio', { name: 'Recurring' }).check()
  await expect(
    page.getByRole('listitem').filter({ hasText: 'Hand in the shift plan.' }),
  ).toBeVisible()
  await look(page, 'ding-series')
  await page.getByRole('button', { name: 'End it' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
  await expect(page.getByText('It is over')).toBeVisible()
})

test('where the browser plays no sound yet, one touch of the alert turns it on', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], { ...PHONE, path: 'about:blank' })
  // As a phone does until its page was touched.
  await page.addInitScript(() => {
    let [touched, runs] = [false, false]
    addEventListener('pointerup', event => (touched ||= event.isTrusted), { capture: true })
    Object.defineProperty(AudioContext.prototype, 'state', {
      get: () => (runs ? 'running' : 'suspended'),
    })
    AudioContext.prototype.resume = function () {
      if (!touched) return new Promise(() => {})
      runs = true
      this.dispatchEvent(new Event('statechange'))
      return Promise.resolve()
    }
  })
  await page.goto('/')
  // It makes a noise at any hour.
  const to = { users: [...of.users] }
  await company.as('frank', 'ding.send', { text: SHIFT, to, urgent: true })
  const turnOn = alert(page).getByRole('button', { name: 'Tap to turn the sound on' })
  await expect(turnOn).toBeVisible()
  await look(page, 'ding-no-sound')
  expect(await faults(page)).toEqual([])
  await turnOn.tap()
  await expect(alert(page).getByRole('button', { name: 'Stop the sound' })).toBeVisible()
  await expect(turnOn).toHaveCount(0)
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(page)).toBeHidden()
})

test('whoever taps twice confirms what they read, and not the alert that comes after it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  const first = await send(company, of, { text: 'First' })
  await expect(alert(page)).toContainText('First')
  const second = await send(company, of, { text: 'Second' })
  await expect(alert(page)).toContainText('1 of 2')
  // The second tap falls on the next alert in the moment in which that one appears.
  const again = page.evaluate(
    () =>
      new Promise<void>(done => {
        const seen = new MutationObserver(() => {
          const shown = document.querySelector('dialog.ding-alert')
          if (!shown?.textContent?.includes('Second')) return
          for (const button of shown.querySelectorAll('button')) button.click()
          seen.disconnect()
          done()
        })
        seen.observe(document.body, { childList: true, subtree: true })
      }),
  )
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await again
  await expect(alert(page)).toContainText('Second')
  // A moment later it is answered as any other.
  await alert(page).getByRole('button', { name: 'Decline' }).tap()
  await alert(page).getByRole('textbox').fill('I am ill')
  await alert(page).getByRole('button', { name: 'Decline' }).tap()
  await expect(alert(page)).toBeHidden()
  const tally = async (ding: string) => (await company.as(of.manager, 'ding.get', { ding })).sent
  expect(await tally(first.ding)).toMatchObject({ confirmed: 1, declined: 0 })
  expect(await tally(second.ding)).toMatchObject({ confirmed: 0, declined: 1 })
})

test('the way back puts an alert aside, and leaves the page that is under it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  await page.getByRole('link', { name: 'People' }).tap()
  await expect(page).toHaveURL(/\/people/)
  await send(company, of)
  await expect(alert(page)).toContainText(SHIFT)
  await page.evaluate(() => history.back())
  await expect(alert(page)).toBeHidden()
  await expect(page).toHaveURL(/\/people/)
  const aside = page.getByRole('region', { name: 'A DING waits for your answer' })
  await aside.getByRole('button', { name: 'Answer' }).tap()
  await expect(alert(page)).toContainText(SHIFT)
  // As Android closes a dialog, whatever the page says about it.
  await page.evaluate(() => document.querySelector<HTMLDialogElement>('.ding-alert')?.close())
  await expect(aside).toBeVisible()
  await expect(page).toHaveURL(/\/people/)
  await page.evaluate(() => history.back())
  await expect(page).not.toHaveURL(/\/people/)
})

test('an answer that was given without a connection outlives the page', async ({
  open,
  company,
  wire,
  address,
  faults: found,
}) => {
  found.allow(/net::ERR_/, /WebSocket connection to .* failed/)
  const of = await shop(company, 1)
  const page = await open(of.staff[0], { ...PHONE, baseURL: address })
  const { ding } = await send(company, of)
  await expect(alert(page)).toBeVisible()
  wire.cut()
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(page)).toContainText('Your answer waits')
  const tally = async () => (await company.as(of.manager, 'ding.get', { ding })).sent?.confirmed
  expect(await tally()).toBe(0)
  await page.goto('about:blank')
  wire.mend()
  await page.goto(`${address}/`)
  await expect.poll(tally).toBe(1)
  await expect(alert(page)).toBeHidden()
})

test('a reply that is half written is there after a reload', async ({ open, company }) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  const { ding } = await send(company, of)
  await alert(page).getByRole('button', { name: 'Reply' }).tap()
  await alert(page).getByRole('textbox', { name: 'Your reply' }).fill('I come at half')
  await page.reload()
  await expect(alert(page).getByRole('textbox', { name: 'Your reply' })).toHaveValue(
    'I come at half',
  )
  await alert(page).getByRole('textbox', { name: 'Your reply' }).fill('I come at half past')
  await alert(page).getByRole('button', { name: 'Confirm with this reply' }).tap()
  await expect(alert(page)).toBeHidden()
  const board = await open(of.manager, { path: `/ding/${ding}` })
  await expect(group(board, 'Confirmed')).toContainText('I come at half past')
})

test('a file that was put to an alert is what its recipient downloads', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const manager = await open(of.manager, { path: `/c/${of.conv}` })
  await manager.getByRole('button', { name: 'DING the people here' }).click()
  await manager.getByRole('textbox', { name: 'What it says' }).fill('The plan of the week.')
  const chooser = manager.waitForEvent('filechooser')
  await manager.getByRole('button', { name: 'Add a file' }).click()
  const text = 'Mon,Ada\nTue,Ben\n'
  const plan = { name: '更表 week 48.csv', mimeType: 'text/csv', buffer: Buffer.from(text) }
  await (await chooser).setFiles(plan)
  await expect(manager.getByRole('link', { name: /更表 week 48\.csv/ })).toBeVisible()
  await look(manager, 'ding-file')
  expect(await faults(manager)).toEqual([])
  await manager.getByRole('button', { name: 'Send the DING' }).click()
  await tallied(manager, 0, 1)
  const page = await open(of.staff[0], PHONE)
  const link = alert(page).getByRole('link', { name: /更表 week 48\.csv/ })
  await expect(link).toBeVisible()
  await look(page, 'ding-alert-file')
  const downloaded = page.waitForEvent('download')
  await link.tap()
  const file = await downloaded
  expect(file.suggestedFilename()).toBe(plan.name)
  expect(await readFile(await file.path(), 'utf8')).toBe(text)
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(page)).toBeHidden()
})

test('a picture that was put to an alert is seen in it', async ({ open, company }) => {
  const of = await shop(company, 1)
  const manager = await open(of.manager, { ...PHONE, path: `/c/${of.conv}` })
  await manager.getByRole('button', { name: 'DING the people here' }).tap()
  await manager.getByRole('textbox', { name: 'What it says' }).fill('The shelf is to look so.')
  const chooser = manager.waitForEvent('filechooser')
  await manager.getByRole('button', { name: 'Add a file' }).tap()
  await (await chooser).setFiles(join(import.meta.dirname, '../dist/icon-192.png'))
  await manager.getByRole('button', { name: 'Send the DING' }).tap()
  await tallied(manager, 0, 1)
  const page = await open(of.staff[0], PHONE)
  const picture = alert(page).getByRole('img', { name: 'icon-192.png' })
  await expect(picture).toBeVisible()
  await expect
    .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth))
    .toBeGreaterThan(0)
  await look(page, 'ding-alert-picture')
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await tallied(manager, 1, 1)
})

test('what is being written is there after a reload, is sent once, and is gone with who signs out', async ({
  open,
  company,
  wire,
  address,
  faults: found,
}) => {
  found.allow(/net::ERR_/, /WebSocket connection to .* failed/, /status of 401/)
  const of = await shop(company, 1)
  const page = await open(of.manager, { ...PHONE, baseURL: address, path: '/ding/new' })
  const text = page.getByRole('textbox', { name: 'What it says' })
  await page.getByRole('button', { name: 'Send the DING' }).tap()
  await expect(page.getByText('Choose whom it is for')).toBeVisible()
  await page.getByRole('button', { name: of.title }).tap()
  await page.getByRole('button', { name: 'Send the DING' }).tap()
  await expect(page.getByText('Write what it says', { exact: true })).toBeVisible()
  await expect(text).toBeFocused()
  await text.fill('The delivery comes at noon.')
  await page.reload()
  await expect(text).toHaveValue('The delivery comes at noon.')
  await expect(page.getByRole('listitem').filter({ hasText: of.title }).first()).toBeVisible()
  // The server has it, and its answer is lost: the next try is the same DING.
  wire.hold()
  await page.getByRole('button', { name: 'Send the DING' }).tap()
  const inbox = async () =>
    (await company.as(of.staff[0] ?? '', 'ding.list', { which: 'open', limit: 10 })).dings.length
  await expect.poll(inbox).toBe(1)
  wire.cut()
  await page.goto('about:blank')
  wire.mend()
  await page.goto(`${address}/ding/new`)
  await expect(text).toHaveValue('The delivery comes at noon.')
  await page.getByRole('button', { name: 'Send the DING' }).tap()
  await tallied(page, 0, 1)
  expect(await inbox()).toBe(1)
  await page.goto(`${address}/ding/new`)
  await expect(text).toHaveValue('')
  await text.fill('Nobody else is to read this.')
  await page.goto(`${address}/settings`)
  await page.getByRole('button', { name: 'Sign out on this device' }).tap()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).tap()
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  const kept = () => page.evaluate(() => JSON.stringify(localStorage))
  await expect.poll(kept).not.toContain('Nobody else')
})
