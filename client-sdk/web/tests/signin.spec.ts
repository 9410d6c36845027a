import type { Locator } from '@playwright/test'
import { expect, PASSWORD, type Page, test } from './kit.ts'

/** What the browser itself says of a refused call. */
const REFUSED = /status of 40[0139]/

/** Signs in on the page, as people do who have a password. */
async function signIn(page: Page, login: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Sign-in name').fill(login)
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

const inside = (page: Page): Locator => page.getByRole('navigation', { name: 'Main sections' })

test('a wrong password and a name that nobody has are answered with the same words', async ({
  open,
  faults,
}) => {
  faults.allow(REFUSED)
  const page = await open(undefined)
  const wrong = page.getByText('The sign-in name or the password is wrong.')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(page.getByText('Write your sign-in name.')).toBeVisible()
  for (const [login, password] of [
    ['leo', 'not the password'],
    ['nobody', PASSWORD],
    ['Not a name!', PASSWORD],
  ] as const) {
    await signIn(page, login, password)
    await expect(wrong).toBeVisible()
    await page.reload()
    await expect(wrong).toBeHidden()
  }
  await page.getByLabel('Language').selectOption('English')
  await signIn(page, 'leo')
  await expect(inside(page)).toBeVisible()
})

test('a page that was asked for is shown after signing in', async ({ open, company, faults }) => {
  faults.allow(REFUSED)
  const conv = await company.group('Asked for', 'leo', 'mandy')
  const page = await open(undefined, { path: `/c/${conv}` })
  await page.getByLabel('Language').selectOption('English')
  await signIn(page, 'leo')
  await expect(page.getByRole('heading', { name: 'Asked for' })).toBeVisible()
})

test('signing out in one window signs out the others of this browser, and no other', async ({
  open,
  faults,
}) => {
  faults.allow(REFUSED)
  const page = await open('leo')
  const beside = await page.context().newPage()
  await beside.goto('/people')
  await expect(inside(beside)).toBeVisible()
  const elsewhere = await open('leo')
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('button', { name: 'Sign out on this device' }).click()
  const question = page.getByRole('dialog', { name: 'Sign out' })
  await question.getByRole('button', { name: 'Sign out' }).click()
  for (const window of [page, beside]) {
    await expect(window.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  }
  await beside.reload()
  await expect(beside.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  await expect(inside(elsewhere)).toBeVisible()
})

test('a window whose browser somebody else has signed in to becomes theirs', async ({
  open,
  server,
  faults,
}) => {
  faults.allow(REFUSED)
  const page = await open('leo', { path: '/settings' })
  await expect(page.getByText(/: leo$/)).toBeVisible()
  const carol = { login: 'carol', password: PASSWORD, label: 'another window' }
  const headers = { origin: server.url }
  await page.context().request.post('/v1/rpc/session.login', { data: carol, headers })
  await expect(page.getByText(/[:：] ?carol$/)).toBeVisible()
})

test('a browser that keeps nothing says so, and does not blame the network', async ({ open }) => {
  const page = await open('leo')
  await expect(inside(page)).toBeVisible()
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('storage is switched off', 'SecurityError')
    }
  })
  await page.reload()
  await expect(page.getByText('storage is switched off')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible()
})

test('a device is signed out from another one, at once', async ({ open, faults }) => {
  faults.allow(REFUSED)
  const lost = await open(undefined)
  await lost.getByLabel('Language').selectOption('English')
  await signIn(lost, 'mandy')
  await expect(inside(lost)).toBeVisible()
  const page = await open('mandy', { path: '/settings' })
  const devices = page.getByRole('listitem').filter({ hasText: 'last used' })
  await expect(devices).toHaveCount(2)
  await page.getByRole('button', { name: /^Sign out Chrome/ }).click()
  const question = page.getByRole('dialog', { name: 'Sign out devices?' })
  await question.getByRole('button', { name: 'Sign out' }).click()
  await expect(lost.getByText('This device was signed out. Sign in again.')).toBeVisible()
  await expect(devices).toHaveCount(1)
  await expect(devices).toContainText('This device')
})

test('a new password ends every other session, and the old one opens nothing', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(REFUSED)
  await company.hire('wing', 'Wing Sum')
  const [page, other] = [await open('wing', { path: '/settings' }), await open('wing')]
  await expect(inside(other)).toBeVisible()
  const write = (label: string, text: string) =>
    page.getByRole('textbox', { name: label, exact: true }).fill(text)
  const change = page.getByRole('button', { name: 'Change password' })
  await write('Present password', 'not this one')
  await write('New password', 'a longer sentence 42')
  await write('New password once more', 'another sentence 42')
  await change.click()
  await expect(page.getByText('The two passwords are not the same.')).toBeVisible()
  await write('New password once more', 'a longer sentence 42')
  await change.click()
  await expect(page.getByText('This is not your present password.')).toBeVisible()
  await write('Present password', PASSWORD)
  await change.click()
  await expect(page.getByText('The password is changed;')).toBeVisible()
  await expect(other.getByText('This device was signed out. Sign in again.')).toBeVisible()
  await expect(inside(page)).toBeVisible()
  await signIn(other, 'wing')
  await expect(other.getByText('The sign-in name or the password is wrong.')).toBeVisible()
  await signIn(other, 'wing', 'a longer sentence 42')
  await expect(inside(other)).toBeVisible()
})
