import { expect } from '../kit.ts'
import type { Place, Visit } from './places.ts'

const dialog = ({ page }: Visit) => page.getByRole('dialog')

async function press({ page }: Visit, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

/** A table with one line of each kind; nothing of it is imported. */
const TABLE = `login,name,title,department,manager
amy,陳美怡 Amy Chan,中環店店長 Shop manager,門市 Shops/中環店 Central,dan
tony,曾家輝 Tony Tsang,售貨員 Sales associate,門市 Shops/屯門店 Tuen Mun,dan
wendy,黃慧敏 Wendy Wong,售貨員 Sales associate,門市 Shops/屯門店 Tuen Mun,tony
`
const WRONG = `${TABLE}Peter Pan,,售貨員,門市 Shops,nobody\n`

async function check(visit: Visit, csv: string): Promise<void> {
  const { page, t } = visit
  await page.getByLabel(t('import.paste')).fill(csv)
  await press(visit, t('import.check'))
  await expect(page.getByRole('heading', { name: t('import.preview') })).toBeVisible()
  await page.getByRole('heading', { name: t('import.preview') }).scrollIntoViewIfNeeded()
}

/** What administrators see, as Frank is one. */
export const ADMIN_PLACES: readonly Place[] = [
  {
    name: 'admin',
    login: 'frank',
    path: () => '/admin',
    there: ({ page, t }) => page.getByRole('link', { name: t('admin.organisation') }),
  },
  {
    name: 'admin-people',
    main: true,
    login: 'frank',
    path: () => '/admin/people',
    there: ({ page }) => page.getByRole('button', { name: /林詠詩/ }),
  },
  {
    name: 'admin-person',
    main: true,
    login: 'frank',
    path: ({ user }) => `/admin/people/${user.bob}`,
    there: ({ page, t }) => page.getByRole('button', { name: t('person.leave') }),
  },
  {
    name: 'admin-person-leaves',
    login: 'frank',
    path: ({ user }) => `/admin/people/${user.bob}`,
    reach: visit => press(visit, visit.t('person.leave')),
    there: dialog,
  },
  {
    name: 'admin-person-link',
    login: 'frank',
    path: ({ user }) => `/admin/people/${user.newcomer}`,
    reach: visit => press(visit, visit.t('person.reset')),
    there: ({ page, t }) => page.getByLabel(t('invite.link'), { exact: true }),
  },
  {
    name: 'admin-person-new',
    login: 'frank',
    path: () => '/admin/people/new',
    there: ({ page, t }) => page.getByRole('group', { name: t('person.entry') }),
  },
  {
    name: 'admin-person-new-wrong',
    login: 'frank',
    path: () => '/admin/people/new',
    reach: async ({ page, t }) => {
      await page.getByLabel(t('person.name'), { exact: true }).fill('曾家輝 Tony Tsang')
      await page.getByLabel(t('signin.login')).fill('Tony Tsang')
      await page.getByRole('combobox', { name: t('people.manager') }).pressSequentially('dan')
      await expect(page.getByRole('option', { name: /張偉倫/ })).toBeVisible()
      await page.getByRole('option', { name: /張偉倫/ }).click()
      await page
        .locator('form')
        .getByRole('button', { name: t('admin.people.add') })
        .click()
    },
    there: ({ page, t }) => page.getByText(t('wrong.login')),
  },
  {
    name: 'admin-departments',
    login: 'frank',
    path: () => '/admin/departments',
    there: ({ page }) => page.getByRole('treeitem').first(),
  },
  {
    name: 'admin-department',
    main: true,
    login: 'frank',
    path: ({ department }) => `/admin/departments?d=${department}`,
    there: ({ page, t }) => page.getByRole('button', { name: t('department.remove') }),
  },
  {
    name: 'admin-department-new',
    login: 'frank',
    path: () => '/admin/departments',
    reach: visit => press(visit, visit.t('department.add')),
    there: dialog,
  },
  {
    name: 'admin-department-move',
    login: 'frank',
    path: ({ department }) => `/admin/departments?d=${department}`,
    reach: visit => press(visit, visit.t('department.move')),
    there: dialog,
  },
  {
    name: 'admin-department-remove',
    login: 'frank',
    path: ({ department }) => `/admin/departments?d=${department}`,
    reach: visit => press(visit, visit.t('department.remove')),
    there: dialog,
  },
  {
    name: 'admin-roles',
    login: 'frank',
    path: () => '/admin/roles',
    there: ({ page }) => page.getByRole('listitem').first(),
  },
  {
    name: 'admin-role-new',
    login: 'frank',
    path: () => '/admin/roles',
    reach: visit => press(visit, visit.t('role.add')),
    there: dialog,
  },
  {
    name: 'admin-invitations',
    login: 'frank',
    path: () => '/admin/invitations',
    there: ({ page, t }) =>
      page.getByRole('button', { name: t('invite.revoke'), exact: true }).first(),
  },
  {
    name: 'admin-invitation-new',
    login: 'frank',
    path: () => '/admin/invitations',
    reach: visit => press(visit, visit.t('invite.add')),
    there: dialog,
  },
  {
    name: 'admin-invitation-revoke',
    login: 'frank',
    path: () => '/admin/invitations',
    reach: async ({ page, t }) => {
      await page
        .getByRole('button', { name: t('invite.revoke'), exact: true })
        .first()
        .click()
    },
    there: dialog,
  },
  {
    name: 'admin-import',
    login: 'frank',
    path: () => '/admin/import',
    reach: ({ page, t }) => page.getByText(t('import.columns')).click(),
    there: ({ page, t }) => page.getByText(t('import.column.login')),
  },
  {
    name: 'admin-import-ready',
    login: 'frank',
    path: () => '/admin/import',
    reach: visit => check(visit, TABLE),
    there: ({ page, t }) => page.getByRole('button', { name: t('import.apply') }),
  },
  {
    name: 'admin-import-wrong',
    main: true,
    login: 'frank',
    path: () => '/admin/import',
    reach: visit => check(visit, WRONG),
    there: ({ page, t }) => page.getByText(t('import.error'), { exact: true }),
  },
  {
    name: 'admin-organisation',
    login: 'frank',
    path: () => '/admin/organisation',
    there: ({ page, t }) => page.getByLabel(t('setup.org')),
  },
  {
    name: 'admin-audit',
    main: true,
    login: 'frank',
    path: () => '/admin/audit',
    there: ({ page }) => page.locator('.audit-entry').first(),
  },
  {
    name: 'admin-audit-details',
    login: 'frank',
    path: () => '/admin/audit',
    reach: ({ page }) => page.locator('.audit-entry summary').first().click(),
    there: ({ page, t }) => page.getByText(t('audit.detail.op'), { exact: true }),
  },
  {
    name: 'admin-audit-none',
    login: 'frank',
    path: () => '/admin/audit?kind=audit.',
    there: ({ page, t }) => page.getByText(t('audit.noneFound')),
  },
]
