import { expect, type Page } from './kit.ts'
import { test } from './unhurried.ts'

const shown = (page: Page) => page.getByRole('region', { name: 'Lunch on Friday?' })

test('three people vote on a card that one of them opens, and see how the votes stand', async ({
  open,
  company,
}) => {
  const conv = await company.group('Friday', 'amy', 'bob', 'carol')
  const [amy, bob, carol] = [
    await open('amy', { path: `/c/${conv}` }),
    await open('bob', { path: `/c/${conv}` }),
    await open('carol', { path: `/c/${conv}` }),
  ]
  await amy.getByRole('button', { name: 'Ask for votes' }).click()
  const form = amy.getByRole('dialog', { name: 'Ask for votes' })
  await form.getByRole('textbox', { name: 'Question' }).fill('Lunch on Friday?')
  await form.getByRole('textbox', { name: 'Options' }).fill('飯 Rice')
  await form.getByRole('button', { name: 'Ask for votes' }).click()
  await expect(form.getByRole('alert')).toContainText('2 to 20')
  await expect(form.getByRole('textbox', { name: 'Options' })).toBeFocused()
  await form.getByRole('textbox', { name: 'Options' }).fill('飯 Rice\n\n麵 Noodles\n')
  await form.getByRole('button', { name: 'Ask for votes' }).click()
  await expect(form).toHaveCount(0)

  for (const [page, option] of [
    [amy, '飯 Rice'],
    [bob, '麵 Noodles'],
    [carol, '麵 Noodles'],
  ] as const) {
    await shown(page).getByRole('radio', { name: option }).check()
    await shown(page)
      .getByRole('button', { name: /^(Vote|投票)$/ })
      .click()
  }
  for (const page of [amy, bob, carol]) {
    await expect(shown(page)).toContainText('1 · 33%')
    await expect(shown(page)).toContainText('2 · 67%')
  }
  // Who thinks again votes again.
  await shown(bob).getByRole('radio', { name: '飯 Rice' }).check()
  await shown(bob)
    .getByRole('button', { name: /^(Vote|投票)$/ })
    .click()
  for (const page of [amy, bob, carol]) await expect(shown(page)).toContainText('2 · 67%')
  await bob.reload()
  await expect(shown(bob)).toContainText('2 · 67%')
})
