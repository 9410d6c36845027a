import type { Locator, Page } from '@playwright/test'
import { message, row } from './chatting.ts'
import { expect, test } from './kit.ts'

/** Presses something, while the list that it stands in scrolls by itself between down and up. */
async function pressAsItMoves(page: Page, target: Locator): Promise<void> {
  await target.hover()
  await page.mouse.down()
  await target.evaluate(async element => {
    const moves = (list: Element) => {
      const before = list.scrollTop
      list.scrollTop += before > 0 ? -2 : 2
      return list.scrollTop !== before
    }
    let list = element.parentElement
    while (list && !moves(list)) list = list.parentElement
    if (!list) throw new Error('nothing around it scrolls')
    const drawn = () => new Promise(requestAnimationFrame)
    await drawn()
    await drawn()
  })
  await page.mouse.up()
}

test('what is pressed in a list that moves just then is pressed', async ({ open, company }) => {
  const conv = await company.group('In motion', 'amy', 'bob', 'carol', 'dan', 'erin', 'frank')
  for (let number = 1; number <= 12; number += 1) {
    await company.say(conv, 'bob', `${number} boxes\nof many\nand more`)
  }
  const page = await open('amy', { viewport: { width: 1440, height: 480 } })
  await pressAsItMoves(page, row(page, 'In motion'))
  await message(page, '11 boxes').hover()
  await pressAsItMoves(page, message(page, '11 boxes').getByRole('button'))
  await expect(page.getByRole('menuitem', { name: 'Who has read it' })).toBeVisible()

  await page.getByRole('button', { name: 'Group details' }).click()
  const panel = page.getByRole('complementary', { name: 'Group details' })
  await pressAsItMoves(page, panel.getByRole('button', { name: 'Options for 黃志明 Bob Wong' }))
  await expect(page.getByRole('menuitem', { name: 'Take out of the group' })).toBeVisible()

  await page.goto('/people')
  const people = page.getByRole('list', { name: 'People' })
  await pressAsItMoves(page, people.getByRole('button').nth(1))
  await expect(page.getByRole('region', { name: 'About this person' })).toBeVisible()
})
