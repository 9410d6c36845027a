import { alert, look, SHIFT } from './dinging.ts'
import { expect } from './kit.ts'
import { bar, enter, meets, tile } from './meeting.ts'
import { test, WITH_DEVICES } from './visiting.ts'

test.use(WITH_DEVICES)

test('an alert is seen and heard over a meeting, which goes on meanwhile and afterwards', async ({
  visit,
  company,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('Stock taking', 'amy', 'bob')
  const [amy, bob] = await Promise.all([visit('amy', conv), visit('bob', conv)])
  await enter(amy)
  await enter(bob)
  for (const page of [amy, bob]) await meets(page, 1)
  const place = amy.url()
  const to = { users: [await company.user('amy')] }
  const sent = { text: SHIFT, to, urgent: true }
  const { ding } = await company.as('frank', 'ding.send', sent)
  await expect(alert(amy)).toContainText(SHIFT)
  // It is heard, beside those who meet.
  await expect(alert(amy).getByRole('button', { name: 'Stop the sound' })).toBeVisible()
  await expect(alert(bob)).toHaveCount(0)
  for (const page of [amy, bob]) await meets(page, 1)
  await look(amy, 'ding-over-meeting')
  await alert(amy).getByRole('button', { name: 'Confirm' }).click()
  await expect(alert(amy)).toBeHidden()
  expect((await company.as('frank', 'ding.get', { ding })).sent?.confirmed).toBe(1)
  expect(amy.url()).toBe(place)
  await expect(bar(amy)).toBeVisible()
  await expect(tile(amy, 'Bob')).toBeVisible()
  for (const page of [amy, bob]) await meets(page, 1)
})
