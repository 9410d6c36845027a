import { join } from 'node:path'
import type { Locator } from '@playwright/test'
import { Company } from './company.ts'
import { expect, type Page, PICTURES, Server, test, Wire } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'

const PHONE = { viewport: { width: 390, height: 844 } } as const

/** A server that knows its own address, so that providers can report to it. */
const settings: NodeJS.ProcessEnv = {}
const reported = new Server(['--demo'], settings)
const wire = new Wire(reported)
let address = ''

test.beforeAll(async () => {
  address = await wire.start()
  settings.CARILLON_PUBLIC_URL = address
  await reported.start()
})

test.afterAll(async () => {
  wire.dispose()
  await reported.stop()
  reported.dispose()
})

/** What keeps people out of a page as it stands. */
async function faultsOf(page: Page): Promise<string[]> {
  return [...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]
}

async function look(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}

/** The card of a policy. */
function card(page: Page, name: string): Locator {
  const heading = page.getByRole('heading', { name, exact: true })
  return page.getByRole('listitem').filter({ has: heading })
}

test('a policy is read in sentences, copied, changed and chosen, on a phone', async ({ open }) => {
  const page = await open('frank', { ...PHONE, path: '/admin/policies' })
  await expect(card(page, 'Usual')).toContainText('At once: alert in the app and push message')
  await expect(card(page, 'Usual').getByText('First choice')).toBeVisible()
  // What ships with the product stays as it is.
  await expect(card(page, 'Usual').getByRole('button', { name: /Change/ })).toHaveCount(0)
  await look(page, 'policies-390')
  await page.getByRole('button', { name: 'Copy Usual', exact: true }).click()
  const form = page.getByRole('dialog', { name: 'Add a plan' })
  await form.getByRole('textbox', { name: 'Name' }).fill('Night shift')
  const first = form.getByRole('group', { name: 'Step 1', exact: true })
  // Nobody is told anywhere before the app tells them: that is not for choice, and the form says so.
  await expect(first).toContainText('The first step cannot be changed')
  await expect(first.getByLabel('Through what')).toHaveCount(0)
  await expect(first.getByRole('button', { name: 'Remove step 1' })).toHaveCount(0)
  await first.getByLabel('How often').selectOption('3')
  await first.getByLabel('Time between').selectOption('120')
  const means = form.getByRole('region', { name: 'What this means' })
  await expect(means).toContainText('(3 times, every 2 minutes)')
  await form.getByLabel('Cost of one DING').fill('many')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('Write an amount')).toBeVisible()
  await form.getByLabel('Cost of one DING').fill('12.50')
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'policy-form-390')
  await form.getByRole('button', { name: 'Save' }).click()
  const made = card(page, 'Night shift')
  await expect(made).toContainText('12.50')
  await page.getByRole('button', { name: 'Make it the first choice: Night shift' }).click()
  await expect(made.getByText('First choice')).toBeVisible()
  await page.getByRole('button', { name: 'Make it the first choice: Usual' }).click()
  await page.getByRole('button', { name: 'Remove Night shift' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(made).toHaveCount(0)
})

test('a plan keeps quiet hours of its own, and says who may pass over them', async ({
  open,
  company,
  faults,
}) => {
  // What the browser itself says of a refused call.
  faults.allow(/status of 400/)
  const named = { name: 'Duty manager', permissions: [] }
  const { role } = await company.as('frank', 'org.role.create', named)
  const page = await open('frank', { ...PHONE, path: '/admin/policies' })
  await page.getByRole('button', { name: 'Copy Usual', exact: true }).click()
  const form = page.getByRole('dialog', { name: 'Add a plan' })
  await form.getByRole('textbox', { name: 'Name' }).fill('Weekend shop')
  await form.getByRole('button', { name: 'Add quiet hours' }).click()
  const nights = form.getByRole('group', { name: 'Quiet hours 1' })
  const means = form.getByRole('region', { name: 'What this means' })
  await expect(means).toContainText('Quiet hours of its own: 22:00 – 08:00.')
  await form.getByRole('button', { name: 'Add quiet hours' }).click()
  const weekend = form.getByRole('group', { name: 'Quiet hours 2' })
  await weekend.getByLabel('From', { exact: true }).fill('08:00')
  await weekend.getByLabel('Until', { exact: true }).fill('22:00')
  await form.getByLabel('Duty manager').check()
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('Together the quiet hours never end.')).toBeVisible()
  for (const day of ['Mon', 'Tue', 'Wed', 'Thu', 'Fri']) await weekend.getByLabel(day).uncheck()
  await expect(means).toContainText('22:00 – 08:00 · Sat and Sun 08:00 – 22:00')
  await expect(means).toContainText('one may pass over quiet hours: Duty manager.')
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'policy-quiet-390')
  await nights.scrollIntoViewIfNeeded()
  await page.screenshot({ path: join(PICTURES, 'policy-quiet-hours-390.png') })
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form).toHaveCount(0)
  const made = card(page, 'Weekend shop')
  await expect(made).toContainText('Sat and Sun 08:00 – 22:00')
  await expect(made).toContainText('Duty manager')
  // What is loud everywhere has no quiet hours to choose.
  await made.getByRole('button', { name: 'Change Weekend shop' }).click()
  const again = page.getByRole('dialog', { name: 'Change the plan' })
  await expect(again.getByRole('group', { name: /^Quiet hours \d/ })).toHaveCount(2)
  await expect(again.getByLabel('Duty manager')).toBeChecked()
  await again.getByRole('button', { name: 'Remove quiet hours 1' }).click()
  await expect(again.getByRole('group', { name: /^Quiet hours \d/ })).toHaveCount(1)
  await again.getByLabel('Make a noise even in quiet hours').check()
  await expect(again.getByRole('group', { name: /^Quiet hours/ })).toHaveCount(0)
  await again.getByLabel('Make a noise even in quiet hours').uncheck()
  await again.getByLabel('Duty manager').uncheck()
  await again.getByRole('button', { name: 'Save' }).click()
  await expect(made).toContainText('of its own: Sat and Sun 08:00 – 22:00.')
  await expect(made).not.toContainText('Duty manager')
  await made.getByRole('button', { name: 'Remove Weekend shop' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(made).toHaveCount(0)
  await company.as('frank', 'org.role.remove', { role })
})

test('a role that was removed since is shown as removed, and can be unticked', async ({
  open,
  company,
}) => {
  const named = { name: 'Fire wardens', permissions: [] }
  const { role } = await company.as('frank', 'org.role.create', named)
  const settings = await company.as('frank', 'ding.settings.get', {})
  await company.as('frank', 'ding.settings.set', { ...settings, senders: [role] })
  const steps = [{ after_s: 0, channel: 'app' as const }]
  const rules = { name: 'Fire', steps, cost_max: 0, overriders: [role] }
  const { policy } = await company.as('frank', 'ding.policy.create', { rules })
  await company.as('frank', 'org.role.remove', { role })
  const page = await open('frank', { ...PHONE, path: '/admin/policies' })
  await card(page, 'Fire').getByRole('button', { name: 'Change Fire' }).click()
  const form = page.getByRole('dialog', { name: 'Change the plan' })
  await form.getByRole('textbox', { name: 'Name' }).fill('Fire drill')
  const removed = form.getByLabel('A role that was removed')
  await expect(removed).toBeChecked()
  expect(await faultsOf(page)).toEqual([])
  await removed.scrollIntoViewIfNeeded()
  await page.screenshot({ path: join(PICTURES, 'policy-removed-role-390.png') })
  await form.getByRole('button', { name: 'Save' }).click()
  await card(page, 'Fire drill').getByRole('button', { name: 'Change Fire drill' }).click()
  await removed.click()
  await expect(removed).toHaveCount(0)
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form).toHaveCount(0)
  const { policies } = await company.as('frank', 'ding.policy.list', {})
  const kept = policies.find(it => it.policy === policy)
  expect(kept?.rules.overriders ?? []).toEqual([])

  await page.goto('/admin/dings')
  await page.getByLabel('A role that was removed').click()
  await page.getByRole('button', { name: 'Save', exact: true }).first().click()
  await expect(page.getByText('Saved')).toBeVisible()
  const after = await company.as('frank', 'ding.settings.get', {})
  expect(after.senders ?? []).toEqual([])
  await company.as('frank', 'ding.policy.remove', { policy })
})

test('who may alert whom, and who is on duty, is decided in plain words', async ({ open }) => {
  const page = await open('frank', { path: '/admin/dings' })
  await page.getByLabel('Whom everybody may DING').selectOption({ label: 'Only those they manage' })
  await page.getByLabel('There are quiet hours').check()
  await page.getByLabel('From', { exact: true }).fill('21:30')
  const begin = page.getByRole('group', { name: 'On which days they begin' })
  await begin.getByLabel('Sun').uncheck()
  await page.getByLabel('DINGs that one person may send in a day').fill('0')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Write a whole number')).toBeVisible()
  await page.getByLabel('DINGs that one person may send in a day').fill('30')
  await page.getByLabel('Currency of prices and limits').selectOption('HKD')
  await page.getByLabel('All DINGs of a month may cost').fill('many')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Write an amount')).toBeVisible()
  await page.getByLabel('All DINGs of a month may cost').fill('250.50')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Saved')).toBeVisible()
  await page.reload()
  await expect(page.getByLabel('Currency of prices and limits')).toHaveValue('HKD')
  await expect(page.getByLabel('All DINGs of a day may cost')).toHaveValue('')
  await expect(page.getByLabel('All DINGs of a month may cost')).toHaveValue('250.50')
  await expect(page.getByLabel('Whom everybody may DING')).toHaveValue('managed')
  await expect(page.getByLabel('From', { exact: true })).toHaveValue('21:30')
  await expect(begin.getByRole('checkbox', { checked: true })).toHaveCount(6)
  await expect(begin.getByLabel('Sun')).not.toBeChecked()

  await page.getByRole('button', { name: 'Add a rota' }).click()
  const form = page.getByRole('dialog', { name: 'Add a rota' })
  await form.getByRole('textbox', { name: 'Name' }).fill('Night shift')
  await form.getByRole('combobox', { name: 'Who', exact: true }).pressSequentially('bob')
  await page.getByRole('option', { name: /Bob Wong/ }).click()
  await form.getByRole('button', { name: 'Add a turn' }).click()
  const second = form.getByRole('group', { name: 'Turn 2', exact: true })
  // The day after, for the same person: that is what a week mostly looks like.
  await expect(second).toContainText('Bob Wong')
  await expect(second.getByLabel('From', { exact: true })).toHaveValue('1')
  await look(page, 'rota-form-1440')
  await form.getByRole('button', { name: 'Save' }).click()
  const rota = page.getByRole('listitem').filter({ hasText: 'Night shift' })
  await expect(rota).toContainText('Tue 09:00 – Tue 18:00')
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'ding-rules-1440')
  await page.getByRole('button', { name: 'Remove Night shift' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(rota).toHaveCount(0)
  await page.getByLabel('Whom everybody may DING').selectOption('everybody')
  await page.getByLabel('There are quiet hours').uncheck()
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Saved').first()).toBeVisible()
})

test('a provider is set up; its secret is written and never shown', async ({ open }) => {
  const page = await open('frank', { ...PHONE, path: '/admin/ways', baseURL: address })
  await page.getByRole('button', { name: 'Add a provider' }).click()
  const form = page.getByRole('dialog', { name: 'Add a provider' })
  await form.getByLabel('Account SID').fill('AC00000000000000000000000000000001')
  await form.getByLabel('Number it comes from').fill('+85230000000')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('Fill this in.')).toBeVisible()
  await form.getByLabel('Auth token').fill('the-secret-token-of-twilio')
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'provider-form-390')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form).toHaveCount(0)
  const row = page.getByRole('listitem').filter({ hasText: 'Twilio' })
  await expect(row).toContainText('Text message · Phone call')
  const { settings } = await new Company(reported).as('frank', 'notify.settings.get', {})
  expect(JSON.stringify(settings)).not.toContain('the-secret')
  await row.getByRole('button', { name: 'What to do with Twilio' }).click()
  await page.getByRole('menuitem', { name: 'Change' }).click()
  const again = page.getByRole('dialog', { name: 'Twilio' })
  await expect(again.getByLabel('Auth token')).toHaveValue('')
  await again.getByLabel('Number it comes from').fill('+85230000001')
  await again.getByRole('button', { name: 'Save' }).click()
  await expect(again).toHaveCount(0)
  await page.getByLabel('One text message').fill('0.45')
  await page.getByLabel('Usual country code').fill('+852')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(page.getByText('Saved').first()).toBeVisible()
  await look(page, 'ways-390')
  // Frank has neither a device nor an address: the test says so.
  await page.getByRole('button', { name: 'Push message' }).click()
  await expect(page.getByText(/^Push message: no usable/)).toBeVisible()
  await row.getByRole('button', { name: 'What to do with Twilio' }).click()
  await page.getByRole('menuitem', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(row).toHaveCount(0)
  await page.getByRole('link', { name: 'Look at the delivery log' }).click()
  await expect(page.getByRole('heading', { name: 'Delivery log' })).toBeVisible()
})
