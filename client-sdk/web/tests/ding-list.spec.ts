import { readFile } from 'node:fs/promises'
import { send, shop } from './dinging.ts'
import { expect, test } from './kit.ts'

test('the list that is downloaded opens in a spreadsheet, and nothing in it is a formula there', async ({
  open,
  company,
}) => {
  const of = await shop(company, 3)
  const { ding } = await send(company, of)
  const [ada = '', ben = ''] = of.staff
  const reply = '=HYPERLINK("http://example.com","遲到"),\nsorry'
  await company.as(ada, 'ding.confirm', { ding, reply })
  await company.as(ben, 'ding.decline', { ding, reason: '＋852 9123 4567' })
  const board = await open(of.manager, { path: `/ding/${ding}` })
  await board.getByRole('button', { name: 'More', exact: true }).click()
  const coming = board.waitForEvent('download')
  await board.getByRole('menuitem', { name: 'Download the list' }).click()
  const file = await coming
  expect(file.suggestedFilename()).toBe(`ding-${ding}.csv`)
  const text = await readFile(await file.path(), 'utf8')
  expect(text.startsWith('\ufeffuser,name,state,at,late,handled_by,reply,reached_through\n')).toBe(
    true,
  )
  // A text with quotes, commas or lines stands in quotes, its own ones doubled.
  expect(text).toContain(`"'=HYPERLINK(""http://example.com"",""遲到""),\nsorry"`)
  expect(text).toContain(`,declined,`)
  expect(text).toContain(`,'＋852 9123 4567,`)
  const people = of.users.filter(user => text.includes(`\n${user},`))
  expect(people).toEqual(of.users)
})
