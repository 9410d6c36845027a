import { box, open as enter, message, say } from './chatting.ts'
import { expect, type Page, test } from './kit.ts'

const list = (page: Page) => page.getByRole('list', { name: 'People' })
/** The people in it, whatever else stands there. */
const rows = (page: Page) => list(page).locator('[data-person]')
/** Those of them who do not work at the first shop. */
const elsewhere = (page: Page) => rows(page).filter({ hasNotText: /Central/ })
/** Only those are drawn who are on the screen, and others may have been hired by now. */
const find = (page: Page, query: string) =>
  page.getByRole('textbox', { name: 'Search people' }).fill(query)
const card = (page: Page) => page.getByRole('region', { name: 'About this person' })
const tree = (page: Page) => page.getByRole('tree', { name: 'Departments' })

/** The list shows who works at the first shop; others may have been hired for it by now. */
async function allAtCentral(page: Page): Promise<void> {
  for (const name of [/Carol Lee/, /Amy Chan/, /Bob Wong/]) {
    await expect(rows(page).filter({ hasText: name })).toHaveCount(1)
  }
  await expect(elsewhere(page)).toHaveCount(0)
}

test('the tree of departments shows who works where', async ({ open }) => {
  const page = await open('dan', { path: '/people' })
  await tree(page)
    .getByRole('treeitem', { name: /Central/ })
    .click()
  await allAtCentral(page)
  await page.reload()
  await allAtCentral(page)
  const shops = tree(page).getByRole('treeitem', { name: /門市 Shops/ })
  await shops.click()
  await page.keyboard.press('ArrowLeft')
  await expect(shops).toHaveAttribute('aria-expanded', 'false')
  await expect(tree(page).getByRole('treeitem', { name: /Central/ })).toBeHidden()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await expect(list(page).getByRole('button', { name: /Carol Lee/ })).toBeVisible()
  await tree(page).getByRole('treeitem', { name: 'Everybody' }).click()
  await expect(elsewhere(page)).not.toHaveCount(0)
})

test('people are found by name in both languages, by title and by sign-in name', async ({
  open,
}) => {
  const page = await open('dan', { path: '/people' })
  for (const query of ['Gigi', '吳芷晴', '旺角店店長', 'gigi']) {
    await find(page, query)
    await expect(rows(page)).toHaveText([/吳芷晴 Gigi Ng/])
    await find(page, '')
    await expect(elsewhere(page).filter({ hasNotText: /Gigi Ng/ })).not.toHaveCount(0)
  }
  await find(page, 'nobody at all')
  await expect(page.getByText('Nobody found for “nobody at all”')).toBeVisible()
})

test('from a card it is one step to the manager, the department and a chat', async ({ open }) => {
  const page = await open('ivy', { path: '/people' })
  await find(page, 'bob')
  await list(page)
    .getByRole('button', { name: /Bob Wong/ })
    .click()
  await find(page, '')
  await expect(card(page).getByRole('heading', { name: '黃志明 Bob Wong' })).toBeVisible()
  await expect(card(page)).toContainText('中環店售貨員 Sales associate, Central')
  await card(page).getByRole('link', { name: '陳美怡 Amy Chan' }).click()
  await expect(card(page).getByRole('heading', { name: '陳美怡 Amy Chan' })).toBeVisible()
  await card(page)
    .getByRole('link', { name: /Central/ })
    .click()
  await allAtCentral(page)
  await list(page)
    .getByRole('button', { name: /Carol Lee/ })
    .click()
  await card(page).getByRole('button', { name: 'Chat' }).click()
  await say(page, 'Hello Carol')
  await expect(message(page, 'Hello Carol')).toBeVisible()
  const carol = await open('carol')
  await enter(carol, '劉凱琳 Ivy Lau')
  await expect(message(carol, 'Hello Carol')).toBeVisible()
})

test('on a phone one walks down the departments and back up', async ({ open }) => {
  const page = await open('dan', { path: '/people', viewport: { width: 390, height: 844 } })
  await page.getByRole('button', { name: /^門市 Shops/ }).click()
  await page.getByRole('button', { name: /^旺角店 Mong Kok/ }).click()
  await expect(rows(page)).toHaveCount(4)
  await list(page)
    .getByRole('button', { name: /Jack Chow/ })
    .click()
  await expect(card(page).getByRole('button', { name: 'Chat' })).toBeVisible()
  await card(page).getByRole('button', { name: 'Back' }).click()
  const path = page.getByRole('navigation', { name: 'Where you are' })
  await path.getByRole('button', { name: 'Everybody' }).click()
  await expect(page.getByRole('button', { name: /^總公司 Head office/ })).toBeVisible()
  await page.goBack()
  await expect(rows(page)).toHaveCount(4)
})

test('what changes about somebody is seen on open pages', async ({ open, company }) => {
  const user = await company.hire('summer', 'Summer Fok')
  const page = await open('dan', { path: `/people?p=${user}` })
  await expect(card(page).getByRole('heading', { name: 'Summer Fok' })).toBeVisible()
  await find(page, 'summer')
  await expect(list(page).getByRole('button', { name: /Summer Fok/ })).toBeVisible()
  await company.as('frank', 'org.member.update', { user, title: 'Window dresser' })
  await expect(card(page)).toContainText('Window dresser')
  await company.as('frank', 'org.member.update', { user, name: 'Summer Fok Ka Yan' })
  await expect(list(page).getByRole('button', { name: /Summer Fok Ka Yan/ })).toBeVisible()
  await card(page).getByRole('button', { name: 'Chat' }).click()
  await expect(box(page)).toBeVisible()
  await page.goBack()
  await find(page, 'summer')
  await expect(list(page).getByRole('button', { name: /Summer Fok/ })).toBeVisible()
  await company.as('frank', 'org.member.remove', { user })
  await expect(card(page)).toContainText('Has left')
  await expect(list(page).getByRole('button', { name: /Summer Fok/ })).toBeHidden()
  await expect(card(page).getByRole('button', { name: 'Chat' })).toBeHidden()
})

test('who left is written to no more, until they come back', async ({ open, company }) => {
  const user = await company.hire('ophelia', '柯菲莉 Ophelia Or')
  const { conv } = await company.as('amy', 'conv.open', { user })
  await company.say(conv, 'amy', 'See you next month')
  const title = 'Since before'
  const group = await company.group(title, 'amy', 'bob', 'ophelia')
  const page = await open('amy', { path: `/c/${group}` })
  await page.getByRole('button', { name: 'Group details' }).click()
  const panel = page.getByRole('complementary')
  const member = panel.getByRole('listitem').filter({ hasText: 'Ophelia Or' })
  await expect(member).toBeVisible()
  await company.as('frank', 'org.member.remove', { user })
  await expect(member).toContainText('Has left')
  await page.goto(`/c/${conv}`)
  await expect(page.getByText('Ophelia Or has left. You can still read')).toBeVisible()
  await expect(message(page, 'See you next month')).toBeVisible()
  await expect(box(page)).toBeHidden()
  await company.as('frank', 'org.member.restore', { user })
  await expect(box(page)).toBeVisible()
})
