import type { Locator } from '@playwright/test'
import { open as enter, message, say } from './chatting.ts'
import { expect, PASSWORD, type Page, test } from './kit.ts'

/** What the browser itself says of a refused call. */
const REFUSED = /status of 40[0134]/

const list = (page: Page) => page.getByRole('list', { name: 'People' })
const inside = (page: Page) => page.getByRole('navigation', { name: 'Main sections' })

/** Chooses a department of a list in which blanks say how deep each lies. */
async function department(select: Locator, name: string): Promise<void> {
  const option = select.getByRole('option', { name, exact: true })
  await select.selectOption((await option.getAttribute('value')) ?? '')
}

/** Says yes to the question that was asked. */
async function confirm(page: Page, action: string): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click()
}

test('a new person gets a link, sets a password by it, and is one of them', async ({
  open,
  faults,
}) => {
  faults.allow(REFUSED)
  const frank = await open('frank', { path: '/admin/people' })
  await frank.getByRole('link', { name: 'Add a person' }).click()
  const add = frank.getByRole('button', { name: 'Add a person' })
  await add.click()
  await expect(frank.getByText('A sign-in name has 2 to 64 small letters')).toBeVisible()
  await frank.getByLabel('Name', { exact: true }).fill('Olive Tam')
  await frank.getByLabel('Sign-in name').fill('amy')
  await add.click()
  await expect(frank.getByText('Somebody has this sign-in name already.')).toBeVisible()
  await frank.getByLabel('Sign-in name').fill('olive')
  await frank.getByLabel('Job title').fill('Sales associate')
  await department(frank.getByLabel('Add to a department'), '中環店 Central')
  await add.click()
  const link = await frank.getByRole('textbox', { name: 'Link', exact: true }).inputValue()
  await frank.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click()
  // The newest is the last, and may be drawn only where the list is scrolled to.
  await frank.getByRole('textbox', { name: 'Search people' }).fill('olive')
  const row = list(frank).getByRole('button', { name: /Olive Tam/ })
  await expect(row).toContainText('No password yet')

  const olive = await open(undefined, { path: link })
  await expect(olive.getByLabel('Sign-in name')).toHaveValue('olive')
  for (const label of ['New password', 'New password once more']) {
    await olive.getByRole('textbox', { name: label, exact: true }).fill('by the harbour 7')
  }
  await olive.getByRole('button', { name: 'Set it and sign in' }).click()
  // Who has not chosen a language begins with the organisation's.
  await expect(olive.getByRole('link', { name: '傾偈' })).toBeVisible()
  await expect(row).not.toContainText('No password yet')
})

test('a person is put into departments and under a manager, and given a role', async ({
  open,
  company,
}) => {
  const user = await company.hire('peter', 'Peter Mok')
  const frank = await open('frank', { path: `/admin/people/${user}` })
  const peter = await open('peter', { path: '/people' })
  await expect(inside(peter).getByRole('link', { name: 'Manage' })).toBeHidden()
  const departments = frank.getByLabel('Add to a department')
  await department(departments, '財務 Finance')
  await department(departments, '門市 Shops')
  await frank.getByRole('button', { name: /^Make .*Shops the main department/ }).click()
  await frank.getByRole('combobox', { name: 'Manager' }).fill('mand')
  await frank.getByRole('option', { name: /Mandy Choi/ }).click()
  await frank.getByRole('group', { name: 'Roles' }).getByRole('checkbox').first().check()
  await frank.getByRole('button', { name: 'Save' }).click()
  await expect(frank.getByText('Saved')).toBeVisible()
  await expect(inside(peter).getByRole('link', { name: 'Manage' })).toBeVisible()
  const { members } = await company.as('frank', 'org.member.get', { users: [user] })
  expect(members[0]?.manager).toBe(await company.user('mandy'))
  expect(members[0]?.departments).toHaveLength(2)
  await peter.goto(`/people?p=${user}`)
  const card = peter.getByRole('region', { name: 'About this person' })
  await expect(card.getByRole('definition')).toHaveText([
    '門市 Shops總公司 Head office › 財務 Finance',
    '蔡敏儀 Mandy Choi',
    'peter',
  ])
})

test('departments are made, headed, moved and removed; open pages follow', async ({ open }) => {
  const frank = await open('frank', { path: '/admin/departments' })
  const dan = await open('dan', { path: '/people' })
  const tree = (page: Page) => page.getByRole('tree', { name: 'Departments' })
  const node = (page: Page, name: string) => tree(page).getByRole('treeitem', { name })
  await expect(node(dan, '門市 Shops')).toBeVisible()
  await frank.getByRole('button', { name: 'Add a department' }).click()
  const dialog = frank.getByRole('dialog', { name: 'Add a department' })
  await dialog.getByLabel('Name of the department').fill('沙田店 Sha Tin')
  await department(dialog.getByLabel('Under which department'), '門市 Shops')
  await dialog.getByRole('button', { name: 'Add a department' }).click()
  await expect(node(dan, '沙田店 Sha Tin')).toHaveAttribute('aria-level', '2')

  await frank.getByLabel('Name of the department').fill('沙田店 Sha Tin New Town')
  await frank.getByRole('combobox', { name: 'Head of the department' }).fill('gigi')
  await frank.getByRole('option', { name: /Gigi Ng/ }).click()
  await frank.getByRole('button', { name: 'Save' }).click()
  await expect(node(dan, '沙田店 Sha Tin New Town')).toBeVisible()

  await frank.getByRole('button', { name: 'Move up' }).click()
  const level2 = tree(dan).locator('[aria-level="2"]')
  await expect(level2.filter({ hasText: '店' })).toHaveText([/Central/, /Sha Tin/, /Mong Kok/])
  await frank.getByRole('button', { name: 'Move to…' }).click()
  const move = frank.getByRole('dialog', { name: /^Move/ })
  await department(move.getByLabel('Under which department'), '(at the top)')
  await move.getByRole('button', { name: 'Move', exact: true }).click()
  await expect(node(dan, '沙田店 Sha Tin New Town')).toHaveAttribute('aria-level', '1')

  await frank.getByRole('button', { name: 'Remove the department' }).click()
  await confirm(frank, 'Remove the department')
  await expect(node(dan, '沙田店 Sha Tin New Town')).toBeHidden()
})

test('a role that is taken away takes its pages away, also those that are open', async ({
  open,
  company,
}) => {
  const user = await company.hire('queenie', 'Queenie Sit')
  const frank = await open('frank', { path: '/admin/roles' })
  await frank.getByRole('button', { name: 'Add a role' }).click()
  const dialog = frank.getByRole('dialog', { name: 'Add a role' })
  await dialog.getByLabel('Name of the role').fill('Hiring')
  await dialog.getByRole('checkbox', { name: 'Staff' }).check()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(frank.getByRole('heading', { name: 'Hiring' })).toBeVisible()
  await frank.goto(`/admin/people/${user}`)
  const role = frank.getByRole('checkbox', { name: 'Hiring' })
  const save = frank.getByRole('button', { name: 'Save' })
  await role.check()
  await save.click()

  const queenie = await open('queenie', { path: '/admin/people' })
  await expect(queenie.getByRole('link', { name: 'Add a person' })).toBeVisible()
  await expect(queenie.getByRole('link', { name: 'Roles' })).toBeHidden()
  await role.uncheck()
  await save.click()
  await expect(queenie.getByText('There is nothing here that you may manage.')).toBeVisible()
  await expect(inside(queenie).getByRole('link', { name: 'Manage' })).toBeHidden()

  await role.check()
  await save.click()
  await expect(queenie.getByRole('link', { name: 'Add a person' })).toBeVisible()
  await frank.goto('/admin/roles')
  await frank.getByRole('button', { name: 'Change the role “Hiring”' }).click()
  await frank.getByRole('button', { name: 'Remove the role' }).click()
  await expect(frank.getByText('One person has this role and loses what it permits')).toBeVisible()
  await confirm(frank, 'Remove the role')
  await expect(queenie.getByText('There is nothing here that you may manage.')).toBeVisible()
})

test('whoever is let go is out at once; whoever comes back is in as before', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(REFUSED)
  const title = 'Still here'
  const user = await company.hire('ray', 'Ray Kwan')
  await company.group(title, 'amy', 'ray')
  const ray = await open('ray')
  await enter(ray, title)
  await say(ray, 'My last words')
  const frank = await open('frank', { path: `/admin/people/${user}` })
  await frank.getByRole('button', { name: 'This person leaves' }).click()
  await confirm(frank, 'This person leaves')
  await expect(ray.getByText('This device was signed out. Sign in again.')).toBeVisible()
  const signIn = async () => {
    await ray.getByLabel('Sign-in name').fill('ray')
    await ray.getByRole('textbox', { name: 'Password', exact: true }).fill(PASSWORD)
    await ray.getByRole('button', { name: 'Sign in', exact: true }).click()
  }
  await signIn()
  await expect(ray.getByText('The sign-in name or the password is wrong.')).toBeVisible()

  await frank.goto('/admin/people')
  await frank.getByLabel('Status').selectOption({ label: 'Have left' })
  await list(frank)
    .getByRole('button', { name: /Ray Kwan/ })
    .click()
  await frank.getByRole('button', { name: 'Bring back' }).click()
  await confirm(frank, 'Bring back')
  await expect(frank.getByText('Ray Kwan is back')).toBeVisible()
  await signIn()
  await expect(message(ray, 'My last words')).toBeVisible()
})

test('an administrator signs a person out on a device, at once', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(REFUSED)
  const user = await company.hire('vera', 'Vera Kwok')
  const path = `/admin/people/${user}`
  const frank = await open('frank', { path })
  await expect(frank.getByText('Nowhere at the moment.')).toBeVisible()
  const [lost, kept] = [await open('vera'), await open('vera')]
  await expect(inside(lost)).toBeVisible()
  await frank.reload()
  const devices = frank.getByRole('list', { name: 'Where they are signed in' })
  await expect(devices.getByRole('listitem')).toHaveCount(2)
  // The one that came first is the last.
  await devices.getByRole('button', { name: 'Sign out test of vera' }).last().click()
  await confirm(frank, 'Sign out')
  await expect(devices.getByRole('listitem')).toHaveCount(1)
  await expect(lost.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  await expect(inside(kept)).toBeVisible()
})

test('who may not sign people out does not see where they are signed in', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(REFUSED)
  const permissions = ['people']
  const { role } = await company.as('frank', 'org.role.create', { name: 'Keeper', permissions })
  const keeper = await company.hire('yannis', 'Yannis Ho')
  await company.as('frank', 'org.member.update', { user: keeper, roles: [role] })
  const bob = `/admin/people/${await company.user('bob')}`
  const page = await open('yannis', { path: bob })
  await expect(page.getByRole('button', { name: 'This person leaves' })).toBeVisible()
  await expect(page.getByText('Where they are signed in')).toBeHidden()
  // Who may do so for some may not do so for those who may administer more.
  await company.as('frank', 'org.role.update', { role, permissions: ['people', 'sessions'] })
  await expect(page.getByText('Where they are signed in')).toBeVisible()
  await page.goto(`/admin/people/${await company.user('frank')}`)
  await expect(page.getByRole('heading', { name: /Frank/ })).toBeVisible()
  await expect(page.getByText('Where they are signed in')).toBeHidden()
})

test('an invitation that is withdrawn opens nothing', async ({ open, faults }) => {
  faults.allow(REFUSED)
  const frank = await open('frank', { path: '/admin/invitations' })
  await frank.getByRole('button', { name: 'New invitation' }).click()
  await frank.getByLabel('For how many people').fill('none')
  await frank.getByRole('button', { name: 'Make the link' }).click()
  await expect(frank.getByText('Write a number from 1 to 1,000.')).toBeVisible()
  await frank.getByLabel('For how many people').fill('3')
  await department(frank.getByLabel('Department'), '旺角店 Mong Kok')
  await frank.getByRole('button', { name: 'Make the link' }).click()
  const link = await frank.getByRole('textbox', { name: 'Link', exact: true }).inputValue()
  await frank.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click()
  await expect(frank.getByRole('heading', { name: 'For 3 more people' })).toBeVisible()
  const guest = await open(undefined, { path: link })
  await expect(guest.getByText(/invites you to join .*Mong Kok/)).toBeVisible()
  await frank.getByRole('button', { name: 'Withdraw' }).click()
  await confirm(frank, 'Withdraw')
  await expect(frank.getByText('The invitation was withdrawn')).toBeVisible()
  await guest.reload()
  await expect(guest.getByText('The link is not complete, or the page was loaded')).toBeVisible()
  await guest.goto(link)
  await expect(guest.getByText('This link was used, withdrawn or is too old.')).toBeVisible()
})

test('the organisation is renamed for everybody', async ({ open, company, faults }) => {
  faults.allow(REFUSED)
  const before = (await company.as('frank', 'org.get', {})).name
  const frank = await open('frank', { path: '/admin/organisation' })
  await frank.getByLabel('Name of the organisation').fill('Harbour & Sons 港灣父子')
  await frank.getByRole('button', { name: 'Save' }).first().click()
  await expect(frank.getByText('Saved')).toBeVisible()
  const guest = await open(undefined)
  await expect(guest.getByText('Harbour & Sons 港灣父子')).toBeVisible()
  await company.as('frank', 'org.update', { name: before })
  await expect(frank.getByLabel('Name of the organisation')).toHaveValue(before)
})
