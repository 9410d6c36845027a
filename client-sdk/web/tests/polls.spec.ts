import { expect, type Page } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'
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

  const close = { name: /^(Close the poll|結束投票|结束投票)$/ }
  await shown(amy).getByRole('button', close).click()
  await amy.getByRole('dialog').getByRole('button', close).click()
  for (const page of [amy, bob, carol]) {
    await expect(shown(page)).toContainText('Done')
    await expect(shown(page)).toContainText('2 · 67%')
    await expect(shown(page).getByRole('button')).toHaveCount(0)
  }
})

test('the form for a poll is in nobody’s way on a phone', async ({ open, company }) => {
  const conv = await company.group('On the way', 'amy', 'bob')
  const page = await open('amy', { path: `/c/${conv}` })
  await page.getByRole('button', { name: 'Ask for votes' }).click()
  await expect(page.getByRole('textbox', { name: 'Question' })).toBeVisible()
  for (const size of [
    { width: 390, height: 844 },
    { width: 320, height: 640 },
  ]) {
    await page.setViewportSize(size)
    const wrong = [await barriers(page), await overflowing(page), await small(page)]
    expect(wrong.flat()).toEqual([])
  }
})
