import { box, open as enter, message, row, say } from './chatting.ts'
import { look, PHONE } from './dinging.ts'
import { expect, type Page, test } from './kit.ts'

/** The panel beside the messages. */
async function details(page: Page) {
  await page.getByRole('button', { name: 'Group details' }).click()
  return page.getByRole('complementary', { name: 'Group details' })
}

test('whoever makes a group names it, chooses people, and all of them have it at once', async ({
  open,
}) => {
  const title = 'Christmas lights 聖誕燈飾'
  const [amy, bob, carol] = [await open('amy'), await open('bob'), await open('carol')]
  await amy.getByRole('button', { name: 'New group' }).click()
  const dialog = amy.getByRole('dialog', { name: 'New group' })
  await dialog.getByRole('button', { name: 'Make the group' }).click()
  await expect(dialog.getByText('Give the group a name')).toBeVisible()
  await dialog.getByLabel('Group name').fill(title)
  for (const [query, name] of [
    ['bob', /Bob Wong/],
    ['Carol', /Carol Lee/],
    ['eri', /Erin Lam/],
  ] as const) {
    await dialog.getByRole('combobox').fill(query)
    await dialog.getByRole('option', { name }).click()
  }
  await dialog.getByRole('button', { name: /^Remove .*Erin Lam/ }).click()
  await expect(dialog.getByText('2 people chosen')).toBeVisible()
  await dialog.getByRole('button', { name: 'Make the group' }).click()
  await expect(amy.getByRole('heading', { name: title })).toBeVisible()
  await expect(amy.getByText('3 people', { exact: true })).toBeVisible()
  await enter(bob, title)
  await say(bob, 'I bring the ladder')
  await enter(carol, title)
  for (const page of [amy, carol]) {
    await expect(message(page, 'I bring the ladder')).toBeVisible()
  }
})

test('who is added sees the group, and who is taken out is told by whom', async ({
  open,
  company,
}) => {
  const title = 'Coming and going'
  const conv = await company.group(title, 'amy', 'bob')
  await company.say(conv, 'amy', 'Before Carol came')
  const [amy, bob, carol] = [await open('amy'), await open('bob'), await open('carol')]
  await enter(amy, title)
  await enter(bob, title)
  const panel = await details(amy)
  await panel.getByRole('button', { name: 'Add people' }).click()
  const dialog = amy.getByRole('dialog', { name: 'Add people' })
  await dialog.getByRole('combobox').fill('bob')
  await expect(dialog.getByRole('option', { name: /Already in the group/ })).toBeVisible()
  await dialog.getByRole('combobox').fill('carol')
  await dialog.getByRole('option', { name: /Carol Lee/ }).click()
  await dialog.getByRole('button', { name: 'Add people' }).click()
  await expect(amy.getByText('1 person added')).toBeVisible()
  await enter(carol, title)
  await expect(message(carol, 'Before Carol came')).toBeVisible()
  await expect(bob.getByText('陳美怡 Amy Chan added 李嘉欣 Carol Lee')).toBeVisible()

  await panel.getByRole('button', { name: 'Options for 李嘉欣 Carol Lee' }).click()
  await amy.getByRole('menuitem', { name: 'Take out of the group' }).click()
  const question = amy.getByRole('dialog', { name: 'Take out of the group' })
  await question.getByRole('button', { name: 'Take out of the group' }).click()
  await expect(carol.getByText(`陳美怡 Amy Chan took you out of “${title}”.`)).toBeVisible()
  await expect(row(carol, title)).toBeHidden()
  await expect(bob.getByText('陳美怡 Amy Chan took out 李嘉欣 Carol Lee')).toBeVisible()
  await expect(panel.getByText('2 people', { exact: true })).toBeVisible()
})

test('whoever leaves is out, and the others read so', async ({ open, company }) => {
  const title = 'Leaving'
  await company.group(title, 'amy', 'bob', 'carol')
  const [amy, bob] = [await open('amy'), await open('bob')]
  await enter(amy, title)
  await enter(bob, title)
  const panel = await details(bob)
  await panel.getByRole('button', { name: 'Leave the group' }).click()
  const question = bob.getByRole('dialog', { name: 'Leave the group' })
  await question.getByRole('button', { name: 'Leave the group' }).click()
  await expect(bob.getByText(`You left “${title}”`)).toBeVisible()
  await expect(bob).toHaveURL('/')
  await expect(row(bob, title)).toBeHidden()
  await expect(amy.getByText('黃志明 Bob Wong left')).toBeVisible()
  await expect(amy.getByText('2 people', { exact: true })).toBeVisible()
})

test('the owner renames the group, everywhere at once; others cannot', async ({
  open,
  company,
}) => {
  const [before, after] = ['Stock room', 'Stock room 貨倉']
  await company.group(before, 'amy', 'bob')
  const [amy, bob] = [await open('amy'), await open('bob')]
  await enter(amy, before)
  await enter(bob, before)
  await expect((await details(bob)).getByRole('button', { name: 'Leave the group' })).toBeVisible()
  await expect(bob.getByRole('button', { name: 'Rename the group' })).toBeHidden()
  await (await details(amy)).getByRole('button', { name: 'Rename the group' }).click()
  const dialog = amy.getByRole('dialog', { name: 'Rename the group' })
  await dialog.getByLabel('Group name').fill(after)
  await dialog.getByRole('button', { name: 'Save' }).click()
  for (const page of [amy, bob]) {
    await expect(row(page, after)).toBeVisible()
    await expect(page.getByRole('heading', { name: after })).toBeVisible()
    await expect(page).toHaveTitle(new RegExp(after))
  }
  await expect(bob.getByText(`陳美怡 Amy Chan renamed the group to “${after}”`)).toBeVisible()
})

test('everyone stands below whoever is offered, in sight also in a large group', async ({
  open,
  company,
}) => {
  const title = 'All hands'
  const others = ['bob', 'carol', 'dan', 'erin', 'frank', 'gigi', 'henry', 'ivy', 'jack', 'kelly']
  await company.group(title, 'amy', ...others)
  const page = await open('amy', PHONE)
  await enter(page, title)
  await box(page).pressSequentially('@')
  const offered = page.getByRole('listbox', { name: 'Mention somebody' })
  await expect(offered.getByRole('option')).toHaveCount(9)
  const everyone = offered.getByRole('option', { name: /Everyone/ })
  await expect(everyone).toBeInViewport({ ratio: 1 })
  await look(page, 'mention')
  // The last person is not under it either, once somebody goes there.
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  const last = await offered.getByRole('option').nth(7).boundingBox()
  const below = await everyone.boundingBox()
  expect((last?.y ?? 0) + (last?.height ?? 0)).toBeLessThanOrEqual((below?.y ?? 0) + 1)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(box(page)).toHaveValue('@Everyone ')
})

test('the owner keeps @everyone and alerts to all for herself, and others are told so', async ({
  open,
  company,
}) => {
  const title = 'Announcements'
  const conv = await company.group(title, 'amy', 'bob', 'carol')
  const [amy, bob, carol] = [await open('amy'), await open('bob', PHONE), await open('carol')]
  await enter(bob, title)
  await box(bob).pressSequentially('@')
  const offered = bob.getByRole('listbox', { name: 'Mention somebody' })
  await offered.getByRole('option', { name: /Everyone/ }).click()
  await box(bob).pressSequentially('the lift is out of order')
  await bob.getByRole('button', { name: 'Send' }).click()
  await expect(row(carol, title).getByRole('img', { name: '@ you' })).toBeVisible()
  await enter(carol, title)
  const said = message(carol, 'the lift is out of order')
  await expect(said.getByText('@Everyone')).toHaveClass(/mention-me/)
  await expect(carol.locator('.bubble-for-me', { hasText: 'out of order' })).toBeVisible()
  // Whoever writes in another language means everybody, too.
  const body = { kind: 'text', text: '@所有人 行樓梯' } as const
  await company.as('bob', 'msg.send', { conv, body, everybody: true })
  const marked = message(carol, '行樓梯').getByText('@所有人', { exact: true })
  await expect(marked).toHaveClass(/mention-me/)

  await enter(amy, title)
  await (await details(amy)).getByRole('button', { name: 'Calling everyone' }).click()
  const form = amy.getByRole('dialog', { name: 'Calling everyone' })
  const [mention, alert] = ['Who may mention everyone in a message', 'Who may DING the whole group']
  await form.getByLabel(mention).selectOption({ label: 'Only the owner' })
  await form.getByLabel(alert).selectOption({ label: 'Only the owner' })
  await look(amy, 'rules')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form).toBeHidden()

  await expect(bob.getByText('陳美怡 Amy Chan changed who may call everyone')).toBeVisible()
  await box(bob).pressSequentially('@')
  await expect(offered.getByRole('option')).toHaveCount(2)
  await expect(offered.getByRole('option', { name: /Everyone/ })).toHaveCount(0)
  await look(bob, 'member')
  const refused = company.as('bob', 'ding.send', { text: 'Now', to: { convs: [conv] } })
  await expect(refused).rejects.toThrow('only the owner alerts everybody')
  // The form offers what may be chosen, and says why something may not.
  const offer = (page: Page) => page.getByRole('button', { name: /^Announcements/ })
  await bob.goto('/ding/new')
  await bob.getByLabel('Find people or groups').fill('Announce')
  await expect(offer(bob)).toContainText('Only the owner may DING everyone here')
  await expect(offer(bob)).toBeDisabled()
  await look(bob, 'kept')
  await bob.goto(`/c/${conv}`)
  await bob.getByRole('button', { name: 'DING the people here' }).click()
  const why = 'Only the owner can DING everyone in this group'
  await expect(bob.getByText(why).first()).toBeVisible()
  await look(bob, 'kept-why')

  await box(amy).pressSequentially('@Every')
  await expect(
    amy.getByRole('listbox', { name: 'Mention somebody' }).getByRole('option'),
  ).toHaveText(/Everyone/)
  await amy.goto('/ding/new')
  await amy.getByLabel('Find people or groups').fill('Announce')
  await expect(offer(amy)).toBeEnabled()
})
