import { join } from 'node:path'
import { expect, PICTURES, test } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'

const PHONE = { viewport: { width: 390, height: 844 } } as const

test('who stands in for somebody is named with the days, and can be taken back', async ({
  open,
}) => {
  const page = await open('frank', { ...PHONE, path: '/settings' })
  const heading = page.getByRole('heading', { name: 'Who stands in for me' })
  const section = page.locator('section').filter({ has: heading })
  await section.getByRole('combobox', { name: 'Stands in' }).fill('gigi')
  await section.getByRole('option', { name: /Gigi Ng/ }).click()
  const picked = section.getByRole('group', { name: 'Stands in' })
  await expect(picked).toContainText('Gigi Ng')
  const [first, last] = [days(1), days(5)]
  await section.getByLabel('First day').fill(first)
  await section.getByLabel('Last day').fill(last)
  await section.getByRole('button', { name: 'Save who stands in' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible()
  // What is saved is what a page shows that is opened anew.
  await expect(section.getByLabel('Last day')).toHaveValue(last)
  await page.reload()
  await expect(picked).toContainText('Gigi Ng')
  await expect(section.getByLabel('First day')).toHaveValue(first)
  await expect(section.getByLabel('Last day')).toHaveValue(last)
  await section.scrollIntoViewIfNeeded()
  await page.screenshot({ path: join(PICTURES, 'standin-390.png'), fullPage: true })
  const faults = [...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]
  expect(faults).toEqual([])
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.screenshot({ path: join(PICTURES, 'standin-1280.png'), fullPage: true })
  await picked.getByRole('button').click()
  await section.getByRole('button', { name: 'Save who stands in' }).click()
  await expect(section.getByRole('button', { name: 'Save who stands in' })).toHaveCount(0)
})

test('nobody stands in for themselves, and an end that is too far is told at its field', async ({
  open,
}) => {
  const page = await open('erin', { ...PHONE, path: '/settings' })
  const heading = page.getByRole('heading', { name: 'Who stands in for me' })
  const section = page.locator('section').filter({ has: heading })
  const choose = async (letters: string) => {
    await section.getByRole('combobox', { name: 'Stands in' }).fill(letters)
    await section.getByRole('option').first().click()
  }
  const save = section.getByRole('button', { name: 'Save who stands in' })
  await choose('erin')
  await save.click()
  await expect(section.getByRole('alert')).toHaveText(/Nobody stands in for themselves/)
  await section.getByRole('group', { name: 'Stands in' }).getByRole('button').click()
  await choose('gigi')
  await expect(section.getByRole('alert')).toHaveCount(0)
  await section.getByLabel('Last day').fill(days(400))
  await save.click()
  await expect(section.getByRole('alert')).toHaveText(/within a year/)
  await expect(section.getByLabel('Last day')).toBeFocused()
  await page.screenshot({ path: join(PICTURES, 'standin-wrong-390.png') })
})

test('who administers names who stands in for somebody, who sees it', async ({ open, company }) => {
  const user = await company.user('bob')
  const page = await open('frank', { ...PHONE, path: `/admin/people/${user}` })
  const heading = page.getByRole('heading', { name: 'Who stands in', exact: true })
  const section = page.locator('section').filter({ has: heading })
  await section.getByRole('combobox', { name: 'Stands in' }).fill('gigi')
  await section.getByRole('option', { name: /Gigi Ng/ }).click()
  await section.getByLabel('Last day').fill(days(3))
  await section.getByRole('button', { name: 'Save who stands in' }).click()
  await expect(section.getByLabel('Last day')).toHaveValue(days(3))
  await section.scrollIntoViewIfNeeded()
  await page.screenshot({ path: join(PICTURES, 'standin-of-390.png') })
  const faults = [...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]
  expect(faults).toEqual([])
  const bob = await open('bob', { path: '/settings' })
  const own = bob.getByRole('heading', { name: 'Who stands in for me' })
  const seen = bob.locator('section').filter({ has: own })
  await expect(seen.getByRole('group', { name: 'Stands in' })).toContainText('Gigi Ng')
  await page.goto(`/admin/people/${await company.user('gigi')}`)
  await expect(page.getByText(/^Stands in for .*Bob Wong.*Until \d/)).toBeVisible()
  await company.as('frank', 'ding.deputy.set', { user })
})

/** The day after so many others, as a field of dates has it. */
function days(later: number): string {
  const at = new Date()
  at.setDate(at.getDate() + later)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
