import type { Place, Visit } from './places.ts'

const dialog = ({ page }: Visit) => page.getByRole('dialog')

async function press({ page }: Visit, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

/** Before one is in. */
export const DOOR_PLACES: readonly Place[] = [
  {
    name: 'signin',
    main: true,
    path: () => '/',
    there: ({ page }) => page.getByRole('button', { name: /陳美怡/ }),
  },
  {
    name: 'signin-wrong',
    path: () => '/',
    reach: async visit => {
      const { page, t } = visit
      await page.getByLabel(t('signin.login')).fill('nobody')
      await page.getByLabel(t('signin.password'), { exact: true }).fill('not the password')
      await press(visit, t('signin.enter'))
    },
    there: ({ page, t }) => page.getByText(t('signin.wrong')),
  },
  {
    name: 'setup-needed',
    path: ({ fresh }) => fresh.url,
    there: ({ page, t }) => page.getByText(t('setup.needed.words')),
  },
  {
    name: 'setup',
    path: ({ fresh }) => /http\S+\/setup#\S+/.exec(fresh.printed)?.[0] ?? '',
    there: ({ page, t }) => page.getByRole('button', { name: t('setup.go') }),
  },
  {
    name: 'setup-lost',
    path: ({ fresh }) => `${fresh.url}/setup`,
    there: ({ page, t }) => page.getByText(t('link.lost')),
  },
  {
    name: 'join',
    main: true,
    path: ({ link }) => `/join#${link.join}`,
    there: ({ page, t }) => page.getByRole('button', { name: t('join.go'), exact: true }),
  },
  {
    name: 'join-wrong',
    path: ({ link }) => `/join#${link.join}`,
    reach: async visit => {
      const { page, t } = visit
      await page.getByLabel(t('password.new'), { exact: true }).fill('海港零售 2026')
      await page.getByLabel(t('password.repeat')).fill('海港零售')
      await press(visit, t('join.go'))
    },
    there: ({ page, t }) => page.getByText(t('wrong.repeat')),
  },
  {
    name: 'join-password',
    path: ({ link }) => `/join#${link.password}`,
    there: ({ page, t }) => page.getByRole('button', { name: t('join.set') }),
  },
  {
    name: 'join-dead',
    path: () => '/join#not-a-link',
    there: ({ page, t }) => page.getByText(t('join.dead')),
  },
]

/** Who works here. */
export const PEOPLE_PLACES: readonly Place[] = [
  {
    name: 'people',
    main: true,
    login: 'amy',
    path: () => '/people',
    there: ({ page }) => page.getByRole('button', { name: /林詠詩/ }),
  },
  {
    name: 'people-department',
    login: 'amy',
    path: ({ department }) => `/people?d=${department}`,
    there: ({ page }) => page.getByRole('button', { name: /黃志明/ }),
  },
  {
    name: 'people-card',
    main: true,
    login: 'amy',
    path: ({ user }) => `/people?p=${user.bob}`,
    there: ({ page, t }) => page.getByRole('button', { name: t('people.chat'), exact: true }),
  },
  {
    name: 'people-search-none',
    login: 'amy',
    path: () => '/people',
    reach: async ({ page, t }) => page.getByLabel(t('people.search')).fill('Zoe'),
    there: ({ page, t }) => page.getByText(t('people.noneFound', { query: 'Zoe' })),
  },
]

/** What one decides for oneself. */
export const SETTINGS_PLACES: readonly Place[] = [
  {
    name: 'settings',
    main: true,
    login: 'amy',
    path: () => '/settings',
    there: ({ page, t }) => page.getByText(t('settings.devices.this'), { exact: true }),
  },
  {
    name: 'settings-password-wrong',
    login: 'amy',
    path: () => '/settings',
    reach: async visit => {
      const { page, t } = visit
      await page.getByLabel(t('settings.password.old')).fill('harbour-demo')
      await page.getByLabel(t('password.new'), { exact: true }).fill('short')
      await page.getByLabel(t('password.repeat')).fill('short')
      await press(visit, t('settings.password.change'))
    },
    there: ({ page, t }) => page.getByText(t('wrong.password')),
  },
  {
    name: 'settings-devices',
    login: 'amy',
    path: () => '/settings',
    reach: visit => press(visit, visit.t('settings.devices.others')),
    there: dialog,
  },
  {
    name: 'settings-sign-out',
    login: 'amy',
    path: () => '/settings',
    reach: visit => press(visit, visit.t('settings.signOut.here')),
    there: dialog,
  },
  {
    name: 'missing',
    login: 'amy',
    path: () => '/nowhere',
    there: ({ page, t }) => page.getByText(t('page.missing')),
  },
]
