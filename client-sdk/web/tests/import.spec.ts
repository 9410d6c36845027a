import { expect, type Page, test } from './kit.ts'

const HEAD = 'login,name,title,department,manager'
const WRONG = [
  HEAD,
  'una,Una Shek,Cashier,門市 Shops/中環店 Central,amy',
  'Not A Login,Victor Ip,,,',
  'wanda,Wanda Au,,,nobody',
  'amy2,,,,',
].join('\n')
const RIGHT = [
  HEAD,
  'una,Una Shek,Cashier,門市 Shops/中環店 Central,amy',
  'victor,Victor Ip,Driver,門市 Shops/屯門店 Tuen Mun,dan',
  'jack,周俊傑 Jack Chow,全職 Full-time,,',
].join('\n')

/** Chooses a file as people do, and waits for what would happen. */
async function check(page: Page, csv: string, encoding: BufferEncoding = 'utf8'): Promise<void> {
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a file' }).click()
  const file = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(csv, encoding) }
  await (await chooser).setFiles(file)
  await expect(page.getByRole('heading', { name: 'What would happen' })).toBeVisible()
}

const lines = (page: Page) => page.getByRole('list', { name: 'Line by line' }).getByRole('listitem')

test('a list with mistakes is shown line by line, and nothing of it is imported', async ({
  open,
  company,
}) => {
  const frank = await open('frank', { path: '/admin/import' })
  await check(frank, WRONG)
  await expect(frank.getByText('3 lines have errors.')).toBeVisible()
  await expect(lines(frank)).toHaveText([/Line 3.*login/, /Line 4.*manager/, /Line 5.*name/])
  await expect(frank.getByRole('button', { name: 'Import the list' })).toBeHidden()
  await frank.getByText(/^All \(4\)$/).click()
  await expect(lines(frank).first()).toHaveText(/Line 2.*Add.*Una Shek/)
  const { members } = await company.as('frank', 'org.member.list', { query: 'Una Shek' })
  expect(members).toEqual([])
})

test('a good list is imported once it was looked at, and changes nothing the second time', async ({
  open,
}) => {
  const frank = await open('frank', { path: '/admin/import' })
  const dan = await open('dan', { path: '/people' })
  await check(frank, RIGHT)
  await expect(frank.getByText('All is well. To add: 2. To change: 1. The same: 0.')).toBeVisible()
  await expect(frank.getByText('One new department')).toBeVisible()
  await frank.getByRole('button', { name: 'Import the list' }).click()
  const question = frank.getByRole('dialog', { name: 'Import the list' })
  await question.getByRole('button', { name: 'Import the list' }).click()
  await expect(frank.getByText('Done. Added: 2. Changed: 1. The same: 0.')).toBeVisible()
  const tree = dan.getByRole('tree', { name: 'Departments' })
  await tree.getByRole('treeitem', { name: '屯門店 Tuen Mun' }).click()
  const people = dan.getByRole('list', { name: 'People' })
  await expect(people.getByRole('button')).toHaveText([/Victor Ip/])

  await check(frank, RIGHT)
  await expect(frank.getByText('All is well. To add: 0. To change: 0. The same: 3.')).toBeVisible()
})

test('a list that is pasted from a spreadsheet is understood', async ({ open, faults }) => {
  faults.allow(/status of 400/)
  const frank = await open('frank', { path: '/admin/import' })
  await frank.getByLabel('Or paste it here').fill('login\tname\nxenia\tXenia Lo')
  await frank.getByRole('button', { name: 'Check' }).click()
  await expect(frank.getByText('All is well. To add: 1.')).toBeVisible()
  await frank.getByLabel('Or paste it here').fill('who\nxenia')
  await frank.getByRole('button', { name: 'Check' }).click()
  await expect(frank.getByText('The first line names the columns')).toBeVisible()
})
