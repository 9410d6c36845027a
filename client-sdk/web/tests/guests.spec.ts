import { expect, type OpenOptions, type Page } from './kit.ts'
import { bar, enter, meets, press, ready, tile } from './meeting.ts'
import { test as base, look, WITH_DEVICES } from './visiting.ts'

const test = base.extend<{
  /** A browser with a camera in which nobody is signed in, at this address. */
  stranger: (address: string, options?: OpenOptions) => Promise<Page>
}>({
  stranger: async ({ open, faults }, use) => {
    // Whether somebody is signed in is asked, and nobody is; links that open nothing are tried.
    faults.allow(/status of (401|403|404|409)/)
    await use(async (address, options = {}) => {
      const page = await ready(await open(undefined, { ...options, path: 'about:blank' }))
      await page.goto(address)
      return page
    })
  },
})

test.use(WITH_DEVICES)

/** Makes a link in the meeting that this person keeps, as people do. */
async function link(page: Page): Promise<string> {
  const panel = page.getByRole('complementary')
  if (!(await panel.isVisible())) await press(page, 'People')
  await panel.getByRole('button', { name: 'Invite by link' }).click()
  const dialog = page.getByRole('dialog', { name: 'Invite by link' })
  await dialog.getByRole('combobox', { name: 'How long the link works' }).selectOption('One week')
  await dialog.getByRole('button', { name: 'Make a link' }).click()
  const address = await dialog.getByRole('textbox', { name: 'Link for guests' }).inputValue()
  await expect(dialog.getByRole('listitem')).toHaveCount(1)
  await look(page, 'guest-link')
  await dialog.getByRole('button', { name: 'Close' }).click()
  return address
}

/** Knocks under a name. */
async function knock(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill(name)
  await page.getByRole('button', { name: 'Ask to come in' }).click()
  await expect(page.getByText('Waiting for the host to let you in')).toBeVisible()
}

test('a stranger comes by a link, is let in, and both see each other', async ({
  visit,
  company,
  stranger,
}) => {
  test.setTimeout(150_000)
  const conv = await company.group('With the supplier', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const address = await link(amy)
  const mei = await stranger(address, { viewport: { width: 390, height: 844 } })
  // The address does not keep what opens the door.
  await expect(mei).toHaveURL(/\/guest$/)
  await expect(mei.getByRole('textbox', { name: 'Your name' })).toBeVisible()
  await expect(mei.getByText('The network is', { exact: false })).toBeVisible()
  await look(mei, 'guest-before')
  await mei.getByRole('button', { name: 'Ask to come in' }).click()
  await expect(mei.getByRole('alert')).toContainText('Write your name first')
  await expect(mei.getByRole('textbox', { name: 'Your name' })).toBeFocused()
  await knock(mei, 'Mei of Lucky Foods')
  await look(mei, 'guest-waiting')
  const knocking = amy.getByText('The guest Mei of Lucky Foods wants to come in')
  await expect(knocking).toBeVisible()
  await look(amy, 'guest-knocking')
  await amy.getByRole('complementary').getByRole('button', { name: 'Let in' }).click()
  await expect(bar(mei)).toBeVisible()
  await meets(amy, 1)
  await meets(mei, 1)
  await expect(tile(amy, 'Mei of Lucky Foods (guest)')).toBeVisible()
  await expect(tile(mei, 'Amy Chan')).toBeVisible()
  await look(mei, 'guest-inside')
  // What belongs to the organisation is not a guest's.
  await press(mei, 'More')
  await expect(mei.getByRole('menuitem', { name: 'People' })).toBeVisible()
  await expect(mei.getByRole('menuitem', { name: 'Chat' })).toHaveCount(0)
  await mei.keyboard.press('Escape')
  await press(mei, 'Raise hand')
  await expect(tile(amy, 'Mei')).toContainText('Hand raised, number 1')

  // Who loads the page again is still there, and need not knock.
  await mei.reload()
  await expect(bar(mei)).toBeVisible()
  await meets(mei, 1)
  await expect(tile(amy, 'Mei')).toHaveCount(1)

  await press(mei, 'Leave')
  await expect(mei.getByText('You have left the meeting')).toBeVisible()
  await look(mei, 'guest-left')
  await expect(tile(amy, 'Mei')).toHaveCount(0)
})

test('a link that is withdrawn puts out who came by it, and opens nothing', async ({
  visit,
  company,
  stranger,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('Not any more', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const address = await link(amy)
  const mei = await stranger(address)
  await knock(mei, 'Mei')
  await amy.getByRole('complementary').getByRole('button', { name: 'Let in' }).click()
  await expect(bar(mei)).toBeVisible()
  await amy.getByRole('complementary').getByRole('button', { name: 'Invite by link' }).click()
  const dialog = amy.getByRole('dialog', { name: 'Invite by link' })
  await expect(dialog.getByRole('listitem')).toContainText('One guest came by it')
  await dialog.getByRole('button', { name: /^Withdraw the link/ }).click()
  await amy
    .getByRole('dialog', { name: 'Withdraw' })
    .getByRole('button', { name: 'Withdraw' })
    .click()
  await expect(dialog.getByRole('listitem')).toHaveCount(0)
  await expect(mei.getByText(/out of the meeting|removed you/)).toBeVisible()
  await look(mei, 'guest-withdrawn')
  await expect(mei.getByRole('button', { name: /again/ })).toHaveCount(0)
  await expect(tile(amy, 'Mei')).toHaveCount(0)
  const late = await stranger(address, { viewport: { width: 390, height: 844 } })
  await expect(late.getByRole('heading', { name: 'This link does not work' })).toBeVisible()
  await expect(late.getByText('has expired or was withdrawn')).toBeVisible()
  await look(late, 'guest-dead')
  const wrong = await stranger(address.slice(0, -3))
  await expect(wrong.getByText('This link is not known')).toBeVisible()
  const half = await stranger(address.replace(/#.*/, ''))
  await expect(half.getByRole('heading', { name: 'The link is not complete' })).toBeVisible()
  await look(half, 'guest-incomplete')
})

test('a guest who is turned away may ask again, and one who is removed may not', async ({
  visit,
  company,
  stranger,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('At the door', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const mei = await stranger(await link(amy), { viewport: { width: 390, height: 844 } })
  const panel = amy.getByRole('complementary')
  await knock(mei, 'Mei')
  await panel.getByRole('button', { name: 'Turn away' }).click()
  await expect(mei.getByText('The host has not let you in this time')).toBeVisible()
  await look(mei, 'guest-denied')
  await mei.getByRole('button', { name: 'Ask again' }).click()
  await expect(mei.getByRole('textbox', { name: 'Your name' })).toHaveValue('Mei')
  await mei.getByRole('button', { name: 'Ask to come in' }).click()
  await expect(mei.getByText('Waiting for the host to let you in')).toBeVisible()
  await panel.getByRole('button', { name: 'Let in' }).click()
  await expect(bar(mei)).toBeVisible()
  await panel.getByRole('button', { name: /about Mei/ }).click()
  await amy.getByRole('menuitem', { name: 'Remove' }).click()
  await amy.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(mei.getByText('A moderator has removed you')).toBeVisible()
  await expect(mei.getByRole('button', { name: /again/ })).toHaveCount(0)
  await look(mei, 'guest-kicked')
})

test('a link into a planned meeting says when, and after the meeting that it is over', async ({
  visit,
  company,
  stranger,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('Next quarter', 'amy', 'bob')
  const starts_at = Date.now() + 3 * 24 * 3_600_000
  const { room } = await company.as('amy', 'room.create', { conv, starts_at, title: 'Tasting' })
  const amy = await visit('amy', conv)
  await amy.getByRole('button', { name: 'Details' }).click()
  await amy.getByRole('button', { name: 'Invite by link' }).click()
  const dialog = amy.getByRole('dialog', { name: 'Invite by link' })
  await dialog.getByRole('button', { name: 'Make a link' }).click()
  const address = await dialog.getByRole('textbox', { name: 'Link for guests' }).inputValue()
  const mei = await stranger(address)
  await expect(mei.getByRole('heading', { name: 'Tasting' })).toBeVisible()
  await expect(mei.getByText('The meeting begins on')).toBeVisible()
  await look(mei, 'guest-planned')
  await company.as('amy', 'room.end', { room })
  await mei.getByRole('textbox', { name: 'Your name' }).fill('Mei')
  await mei.getByRole('button', { name: 'Ask to come in' }).click()
  await expect(mei.getByRole('alert')).toContainText('The meeting is over')
  const late = await stranger(address)
  await expect(late.getByText('The meeting is over')).toBeVisible()
  await look(late, 'guest-over')
})

test('a guest without a network is told so, and is still at the door when it is back', async ({
  visit,
  company,
  stranger,
  wire,
  address,
  faults,
}) => {
  test.setTimeout(120_000)
  faults.allow(/net::ERR_(CONNECTION|SOCKET|EMPTY)_/, /WebSocket connection to .* failed/)
  const conv = await company.group('Bad reception', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const made = await link(amy)
  const mei = await stranger(made.replace(new URL(made).origin, address))
  await knock(mei, 'Mei')
  wire.cut()
  await expect(mei.getByText('You are offline.')).toBeVisible()
  await look(mei, 'guest-offline')
  wire.mend()
  await expect(mei.getByText('You are offline.')).toHaveCount(0)
  await amy.getByRole('complementary').getByRole('button', { name: 'Let in' }).click()
  await expect(bar(mei)).toBeVisible()
  await meets(amy, 1)
})
