import { expect } from '../kit.ts'
import type { Place, Visit } from './places.ts'
import type { Scene } from './scene.ts'

/** A message of Amy's in the group of the shop managers. */
const OWN = '收到，唔緊要'

const own = ({ page }: Visit) => page.getByRole('article').filter({ hasText: OWN })
const box = ({ page, t }: Visit) => page.getByPlaceholder(t('chat.write.here'))
const dialog = ({ page }: Visit) => page.getByRole('dialog')

async function openMenu(visit: Visit): Promise<void> {
  const { t } = visit
  await own(visit).hover()
  await own(visit)
    .getByRole('button', { name: t('chat.menu') })
    .click()
}

async function openReceipts(visit: Visit): Promise<void> {
  await openMenu(visit)
  await visit.page.getByRole('menuitem', { name: visit.t('chat.who.read') }).click()
}

async function openDetails({ page, t }: Visit): Promise<void> {
  await page.getByRole('button', { name: t('chat.details'), exact: true }).click()
}

/** A button that is shown once the members were fetched. */
async function press({ page }: Visit, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

/** The others have said more than a screen since Amy has looked. */
async function fallBehind({ page, scene }: Visit): Promise<void> {
  const { company, conv } = scene
  for (let number = 1; number <= 40; number += 1) {
    await company.say(conv.counting, 'bob', `第 ${number} 箱：齊。 Box ${number}: complete.`)
  }
  await page.goto(`/c/${conv.counting}`)
}

const at =
  (name: keyof Scene['conv']): Place['path'] =>
  ({ conv }) =>
    `/c/${conv[name]}`

/** The chats, for Amy. */
export const CHAT_PLACES: readonly Place[] = [
  {
    name: 'chats',
    main: true,
    login: 'carol',
    path: () => '/',
    there: ({ page }) => page.getByRole('link', { name: /中環店/ }),
  },
  {
    name: 'chats-search-none',
    login: 'amy',
    path: () => '/',
    reach: async ({ page, t }) => page.getByLabel(t('chat.search')).fill('暑假'),
    there: ({ page, t }) => page.getByText(t('chat.search.none', { query: '暑假' })),
  },
  {
    name: 'direct',
    main: true,
    login: 'amy',
    path: at('direct'),
    there: ({ page }) => page.getByRole('article').filter({ hasText: '門匙' }),
  },
  { name: 'group', main: true, login: 'amy', path: at('managers'), there: own },
  {
    name: 'group-nothing-said',
    login: 'amy',
    path: at('silent'),
    there: box,
  },
  {
    name: 'group-behind',
    login: 'amy',
    path: () => '/',
    reach: fallBehind,
    there: ({ page }) => page.locator('.messages-above').getByRole('button'),
  },
  {
    name: 'writing',
    login: 'amy',
    path: at('managers'),
    reach: visit => box(visit).fill('收到 👍\n我下晝同 @Dan 一齊過嚟，請預備好貨單。\n'.repeat(3)),
    there: box,
  },
  {
    name: 'mention',
    login: 'amy',
    path: at('managers'),
    reach: async visit => box(visit).pressSequentially('@'),
    there: ({ page, t }) => page.getByRole('listbox', { name: t('chat.mention') }),
  },
  {
    name: 'emoji',
    login: 'amy',
    path: at('managers'),
    reach: visit => press(visit, visit.t('chat.emoji')),
    there: ({ page, t }) => page.getByRole('toolbar', { name: t('chat.emoji') }),
  },
  {
    name: 'message-menu',
    login: 'amy',
    path: at('managers'),
    reach: openMenu,
    there: ({ page }) => page.getByRole('menu'),
  },
  {
    name: 'receipts-unread',
    login: 'amy',
    path: at('managers'),
    reach: openReceipts,
    there: ({ page }) => page.getByRole('tabpanel').getByRole('listitem').first(),
  },
  {
    name: 'receipts-read',
    login: 'amy',
    path: at('everybody'),
    reach: async visit => {
      const { page, t } = visit
      const row = page.getByRole('article').filter({ hasText: '我哋會繼續努力' })
      await row.hover()
      await row.getByRole('button', { name: t('chat.menu') }).click()
      await page.getByRole('menuitem', { name: t('chat.who.read') }).click()
      await page.getByRole('tab').last().click()
      await expect(page.getByRole('tab').last()).toHaveAttribute('aria-selected', 'true')
    },
    there: ({ page }) => page.getByRole('tabpanel'),
  },
  {
    name: 'group-details',
    login: 'amy',
    path: at('central'),
    reach: openDetails,
    there: ({ page, t }) => page.getByRole('button', { name: t('chat.rename') }),
  },
  {
    name: 'member-menu',
    login: 'amy',
    path: at('central'),
    reach: async visit => {
      await openDetails(visit)
      const name = visit.t('chat.member.more', { name: '黃志明 Bob Wong' })
      await press(visit, name)
    },
    there: ({ page }) => page.getByRole('menu'),
  },
  {
    name: 'member-remove',
    login: 'amy',
    path: at('central'),
    reach: async visit => {
      const { page, t } = visit
      await openDetails(visit)
      await press(visit, t('chat.member.more', { name: '黃志明 Bob Wong' }))
      await page.getByRole('menuitem', { name: t('chat.member.remove') }).click()
    },
    there: ({ page, t }) => page.getByRole('dialog', { name: t('chat.member.remove') }),
  },
  {
    name: 'member-add',
    login: 'amy',
    path: at('central'),
    reach: async visit => {
      const { page, t } = visit
      await openDetails(visit)
      await press(visit, t('chat.member.add'))
      await page.getByRole('option').filter({ hasText: 'Erin' }).click()
      await page.getByRole('option').filter({ hasText: 'Gigi' }).click()
    },
    there: ({ page, t }) => page.getByText(t('chat.people.picked', { count: 2 })),
  },
  {
    name: 'group-rename',
    login: 'amy',
    path: at('central'),
    reach: async visit => {
      await openDetails(visit)
      await press(visit, visit.t('chat.rename'))
    },
    there: ({ page, t }) => page.getByRole('dialog', { name: t('chat.rename') }),
  },
  {
    name: 'group-leave',
    login: 'amy',
    path: at('central'),
    reach: async visit => {
      await openDetails(visit)
      await press(visit, visit.t('chat.leave'))
    },
    there: ({ page, t }) => page.getByRole('dialog', { name: t('chat.leave') }),
  },
  {
    name: 'new-chat',
    login: 'amy',
    path: () => '/',
    reach: visit => press(visit, visit.t('chat.new')),
    there: visit => dialog(visit).getByRole('option').first(),
  },
  {
    name: 'new-group',
    login: 'amy',
    path: () => '/',
    reach: async visit => {
      const { page, t } = visit
      await press(visit, t('chat.new.group'))
      await dialog(visit).getByRole('option').filter({ hasText: 'Erin' }).click()
      await dialog(visit).getByRole('option').filter({ hasText: 'Gigi' }).click()
      await page.getByRole('button', { name: t('chat.group.make') }).click()
    },
    there: ({ page, t }) => page.getByText(t('chat.title.missing')),
  },
  {
    name: 'conversation-missing',
    login: 'amy',
    path: () => '/c/01J00000000000000000000000',
    there: ({ page, t }) => page.getByText(t('chat.missing')),
  },
  {
    name: 'offline',
    login: 'amy',
    cutOff: true,
    path: ({ conv, wired }) => `${wired}/c/${conv.direct}`,
    reach: async visit => {
      const { page, scene, t } = visit
      await expect(page.getByRole('article').first()).toBeVisible()
      scene.wire.cut()
      await expect(page.getByText(t('connection.offline'))).toBeVisible()
      await box(visit).fill('收到，聽朝見')
      await page.getByRole('button', { name: t('chat.send'), exact: true }).click()
      await page.getByRole('article').filter({ hasText: '收到，聽朝見' }).last().waitFor()
    },
    there: ({ page, t }) => page.getByText(t('connection.offline')),
  },
]
