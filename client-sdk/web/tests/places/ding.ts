import type { Place } from './places.ts'

/** Alerts: the list, and the form in all its length. Open ones cover the page: `ding.spec.ts`. */
export const DING_PLACES: readonly Place[] = [
  {
    name: 'ding',
    main: true,
    login: 'amy',
    path: () => '/ding',
    there: ({ page, t }) => page.getByText(t('ding.none.received')),
  },
  {
    name: 'ding-new',
    main: true,
    login: 'amy',
    path: () => '/ding/new',
    there: ({ page }) => page.getByRole('button', { name: /店長會/ }).first(),
  },
  {
    name: 'ding-new-more',
    login: 'amy',
    path: () => '/ding/new',
    reach: async ({ page, t }) => {
      await page
        .getByRole('button', { name: /店長會/ })
        .first()
        .click()
      await page.getByText(t('ding.more')).click()
      await page.getByRole('combobox', { name: t('ding.repeat'), exact: true }).selectOption('week')
    },
    there: ({ page, t }) => page.getByRole('group', { name: t('ding.repeat.on') }),
  },
  {
    name: 'ding-nothing-chosen',
    login: 'amy',
    path: () => '/ding/new',
    reach: ({ page, t }) => page.getByRole('button', { name: t('ding.send') }).click(),
    there: ({ page, t }) => page.getByText(t('ding.wrong.to')),
  },
]
