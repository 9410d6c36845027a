import { expect } from '../kit.ts'
import type { Place, Visit } from './places.ts'

const dialog = ({ page }: Visit) => page.getByRole('dialog').last()

async function press({ page }: Visit, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).first().click()
}

/** What administrators decide about alerts. */
export const ALERT_PLACES: readonly Place[] = [
  {
    name: 'admin-policies',
    main: true,
    login: 'frank',
    path: () => '/admin/policies',
    there: ({ page, t }) => page.getByRole('heading', { name: t('ding.policy.urgent') }),
  },
  {
    name: 'admin-policy-copy',
    main: true,
    login: 'frank',
    path: () => '/admin/policies',
    reach: visit =>
      press(visit, visit.t('policies.copy.of', { name: visit.t('ding.policy.usual') })),
    there: dialog,
  },
  {
    name: 'admin-dings',
    main: true,
    login: 'frank',
    path: () => '/admin/dings',
    there: ({ page, t }) => page.getByLabel(t('dingRules.reach')),
  },
  {
    name: 'admin-rota-new',
    login: 'frank',
    path: () => '/admin/dings',
    reach: visit => press(visit, visit.t('rotas.add')),
    there: dialog,
  },
  {
    name: 'admin-ways',
    main: true,
    login: 'frank',
    path: () => '/admin/ways',
    there: ({ page, t }) => page.getByRole('link', { name: t('log.see') }),
  },
  {
    name: 'admin-ways-mail',
    login: 'frank',
    path: () => '/admin/ways',
    reach: visit => press(visit, visit.t('ways.mail.add')),
    there: dialog,
  },
  {
    name: 'admin-ways-log',
    login: 'frank',
    path: () => '/admin/ways/log',
    there: ({ page, t }) => page.getByText(t('log.none')),
  },
  {
    name: 'schedule-new',
    main: true,
    login: 'amy',
    path: ({ conv }) => `/c/${conv.silent}`,
    reach: async visit => {
      const { page, scene, t } = visit
      const { robots } = await scene.company.as('amy', 'bot.list', { conv: scene.conv.silent })
      const name = '海報機 Posters'
      if (robots.length === 0) {
        await scene.company.as('amy', 'bot.create', { conv: scene.conv.silent, name })
      }
      await page.getByRole('button', { name: t('chat.details') }).click()
      await page.getByRole('button', { name: t('robots'), exact: true }).click()
      await page.getByRole('button', { name: t('robots.more', { name }) }).click()
      await page.getByRole('menuitem', { name: t('schedules') }).click()
      await press(visit, t('schedules.add'))
      await expect(page.locator('.schedule-next li')).toHaveCount(5)
    },
    there: ({ page, t }) => page.getByLabel(t('schedules.often')),
  },
]
