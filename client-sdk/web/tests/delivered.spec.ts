import { alert, look, send, shop } from './dinging.ts'
import { expect, test } from './kit.ts'
import { overflowing } from './places/measure.ts'

test('people see what was sent to them outside of the app, and what became of it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const login = of.staff[0] ?? ''
  const page = await open(login, { path: '/settings', viewport: { width: 390, height: 844 } })
  const own = page.locator('section', { has: page.getByText('What was sent to me') })
  await expect(own.getByText('Nothing was sent yet')).toBeVisible()
  await company.as(login, 'notify.push.subscribe', {
    endpoint: 'https://push.example.com/1',
    p256dh:
      'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    name: 'Firefox',
  })
  await send(company, of)
  await expect(alert(page)).toBeVisible()
  // Whoever confirms before it is under way has nothing sent.
  const sent = async () => (await company.as(login, 'notify.log.mine', {})).attempts.length
  await expect.poll(sent).toBe(1)
  await alert(page).getByRole('button', { name: 'Confirm' }).click()
  await expect(alert(page)).toBeHidden()
  await page.reload()
  // Nobody answers at that address, so nobody is told that it came.
  const rows = own.getByRole('listitem')
  await expect(rows).toHaveCount(1)
  await expect(rows).toContainText('Push message')
  await own.scrollIntoViewIfNeeded()
  expect(await overflowing(page)).toEqual([])
  await look(page, 'delivered')
})
