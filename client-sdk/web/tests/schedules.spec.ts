import { join } from 'node:path'
import { open as enter } from './chatting.ts'
import { expect, type Page, PICTURES, test } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'

const PHONE = { viewport: { width: 390, height: 844 } } as const

async function faultsOf(page: Page): Promise<string[]> {
  return [...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]
}

async function look(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}

/** What the group's robot posts by itself. */
async function schedules(page: Page, robot: string) {
  await page.getByRole('button', { name: 'Group details' }).click()
  await page.getByRole('button', { name: 'Robots', exact: true }).click()
  await page.getByRole('button', { name: `What to do with ${robot}` }).click()
  await page.getByRole('menuitem', { name: 'Scheduled posts' }).click()
  return page.getByRole('dialog', { name: `Scheduled posts of ${robot}` })
}

test('a robot posts a digest every weekday: planned on a phone, seen before it is posted', async ({
  open,
  company,
}) => {
  const title = 'Morning news'
  const conv = await company.group(title, 'amy', 'bob', 'carol')
  await company.as('amy', 'bot.create', { conv, name: 'Herald' })
  await company.say(conv, 'bob', 'Who has the keys?')
  const page = await open('amy', PHONE)
  await enter(page, title)
  const list = await schedules(page, 'Herald')
  await expect(list.getByText('No scheduled posts yet')).toBeVisible()
  await list.getByRole('button', { name: 'Add a scheduled post' }).click()
  const form = page.getByRole('dialog', { name: 'Add a scheduled post' })
  const times = form.getByRole('region', { name: 'The next five times' })
  await expect(times.getByRole('listitem')).toHaveCount(5)
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('Write a title in one line.')).toBeVisible()
  await form.getByLabel('Title').fill('Yesterday in short')
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'schedule-form-390')
  await form.getByLabel('How often').scrollIntoViewIfNeeded()
  await look(page, 'schedule-times-390')
  await form.getByRole('button', { name: 'Preview' }).click()
  const preview = page.getByRole('dialog', { name: 'Preview' })
  // It speaks the organisation's language, and says so.
  await expect(preview).toContainText('in the organisation’s language: 繁體中文')
  // Nothing was said yesterday: of nothing there is no picture.
  await expect(preview.locator('.markdown')).toContainText('訊息 (昨日): 沒有')
  await expect(preview.locator('.picture')).toHaveCount(0)
  expect(await faultsOf(page)).toEqual([])
  await look(page, 'digest-preview-390')
  await preview.getByRole('button', { name: 'Close' }).last().click()
  await form.getByRole('button', { name: 'Save' }).click()
  const row = list.getByRole('listitem').filter({ hasText: 'Yesterday in short' })
  await expect(row).toContainText('Every weekday at 09:00')
  await expect(row).toContainText('Next:')
  await look(page, 'schedules-390')
})

test('a schedule is changed, paused and removed', async ({ open, company }) => {
  const title = 'Evening news'
  const conv = await company.group(title, 'amy', 'bob')
  const { robot } = await company.as('amy', 'bot.create', { conv, name: 'Owl' })
  await company.as('amy', 'bot.schedule.put', {
    robot,
    schedule: 'closing',
    title: 'Closing time',
    cron: '0 18 * * *',
    says: { kind: 'text', text: 'Lock the *back* door' },
  })
  const page = await open('amy')
  await enter(page, title)
  const list = await schedules(page, 'Owl')
  const row = list.getByRole('listitem').filter({ hasText: 'Closing time' })
  await expect(row).toContainText('Every day at 18:00')
  const choose = async (what: string) => {
    await row.getByRole('button', { name: 'What to do with Closing time' }).click()
    await page.getByRole('menuitem', { name: what }).click()
  }
  await choose('Change')
  const form = page.getByRole('dialog', { name: 'Change the scheduled post' })
  await expect(form.getByLabel('Text', { exact: true })).toHaveValue('Lock the *back* door')
  await form.getByLabel('How often').selectOption('own')
  await form.getByLabel('Cron expression').fill('* * * * *')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('This time is not understood').first()).toBeVisible()
  await form.getByLabel('How often').selectOption('weekly')
  await form.getByLabel('On', { exact: true }).first().selectOption({ label: 'Friday' })
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(row).toContainText('Every Friday at 18:00')
  await choose('Pause')
  await expect(row.getByText('Paused')).toBeVisible()
  await expect(row).not.toContainText('Next:')
  await choose('Go on')
  await expect(row).toContainText('Next:')
  await look(page, 'schedules-1440')
  await choose('Remove')
  await page
    .getByRole('dialog', { name: 'Remove Closing time' })
    .getByRole('button', { name: 'Remove' })
    .click()
  await expect(row).toHaveCount(0)
})

test('a person writes a digest of their own on a phone, for two of their groups', async ({
  open,
  company,
}) => {
  const conv = await company.group('Kitchen', 'amy', 'bob')
  await company.group('Terrace', 'amy', 'bob')
  await company.group('Of Bob', 'bob', 'amy')
  await company.as('amy', 'bot.create', { conv, name: 'Lark' })
  const page = await open('amy', PHONE)
  await enter(page, 'Kitchen')
  const list = await schedules(page, 'Lark')
  await list.getByRole('button', { name: 'Add a scheduled post' }).click()
  const form = page.getByRole('dialog', { name: 'Add a scheduled post' })
  await form.getByLabel('Title').fill('The week')
  await form.getByLabel('A digest of your own').check()
  const preview = form.getByRole('region', { name: 'Preview' })
  await expect(preview).toContainText('訊息 (昨日): 0')
  await form.getByLabel('Text above').fill('Good **morning**')
  await expect(preview.locator('strong', { hasText: 'morning' })).toBeVisible()
  await form.getByRole('button', { name: 'Add a part' }).click()
  const second = form.getByRole('listitem').filter({ hasText: 'Part 2' })
  await second.getByLabel('What it tells').selectOption({ label: 'Messages' })
  await expect(second).toContainText('How many messages were written in the group.')
  await second.getByLabel('Of which time').selectOption({ label: 'Last 7 days' })
  await second.getByLabel('Shown as').selectOption({ label: 'Chart' })
  await second.getByLabel('Called (optional)').fill('Day by day')
  await expect(preview).toContainText('Day by day (過去 7 日): 沒有')
  expect(await faultsOf(page)).toEqual([])
  await second.scrollIntoViewIfNeeded()
  await look(page, 'digest-editor-390')
  await form.getByRole('button', { name: 'Move part 2 up' }).click()
  await expect(form.getByLabel('Called (optional)').first()).toHaveValue('Day by day')
  // The button is gone, as nothing is above the first part: who has a keyboard goes on from there.
  await expect(form.getByRole('heading', { name: 'Part 1' })).toBeFocused()
  await expect(form.getByText('Moved: now part 1 of 2')).toBeAttached()
  // An arrow key is a choice: what was written is there again when its own is chosen.
  await form.getByLabel('A digest of your own').press('ArrowDown')
  await form.getByLabel('Text', { exact: true }).fill('Good morning')
  await form.getByLabel('A text of your own').press('ArrowUp')
  await expect(form.getByLabel('Text above')).toHaveValue('Good **morning**')
  await expect(form.getByLabel('Called (optional)').first()).toHaveValue('Day by day')
  await form.getByLabel('A digest of your own').press('ArrowDown')
  await expect(form.getByLabel('Text', { exact: true })).toHaveValue('Good morning')
  await form.getByLabel('A text of your own').press('ArrowUp')
  // As long as the field allows, and too long in bytes: that is said before it is saved.
  await form.getByLabel('Text above').fill('早'.repeat(2_000))
  const long = 'The text above is too long. Make it shorter.'
  await expect(form.getByRole('alert').filter({ hasText: long })).toBeVisible()
  await form.getByLabel('Text above').fill('Good **morning**')
  const add = form.getByLabel('Add a group')
  await add.selectOption({ label: 'Of Bob' })
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(form.getByText('You can choose only groups that you own.')).toBeVisible()
  await form.getByRole('button', { name: 'No longer post to Of Bob' }).click()
  await add.selectOption({ label: 'Terrace' })
  await add.scrollIntoViewIfNeeded()
  await look(page, 'digest-places-390')
  await form.getByRole('button', { name: 'Save' }).click()
  const row = list.getByRole('listitem').filter({ hasText: 'The week' })
  await expect(row).toContainText('Terrace')
  await page.setViewportSize({ width: 1440, height: 900 })
  await row.getByRole('button', { name: 'What to do with The week' }).click()
  await page.getByRole('menuitem', { name: 'Change' }).click()
  const again = page.getByRole('dialog', { name: 'Change the scheduled post' })
  await expect(again.getByLabel('Text above')).toHaveValue('Good **morning**')
  await again.getByLabel('Text above').scrollIntoViewIfNeeded()
  await look(page, 'digest-editor-1440')
})

test('the chart of a busy group is read on a phone, by day and by night', async ({
  open,
  company,
}) => {
  const title = '中環店 Central'
  const { convs } = await company.as('amy', 'conv.list', {})
  const conv = convs.find(it => it.title === title)?.conv ?? ''
  await company.as('amy', 'bot.create', { conv, name: 'Gull' })
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open('amy', { ...PHONE, colorScheme })
    await enter(page, title)
    const list = await schedules(page, 'Gull')
    await list.getByRole('button', { name: 'Add a scheduled post' }).click()
    const form = page.getByRole('dialog', { name: 'Add a scheduled post' })
    await form.getByRole('button', { name: 'Preview' }).click()
    const preview = page.getByRole('dialog', { name: 'Preview' })
    const picture = preview.locator('.picture')
    await expect
      .poll(() => picture.evaluate(image => (image as HTMLImageElement).naturalWidth))
      .toBeGreaterThan(100)
    // Letters of 32 stand as high as small print: at least 12.
    const scale = await picture.evaluate(
      it => it.clientWidth / (it as HTMLImageElement).naturalWidth,
    )
    expect(32 * scale).toBeGreaterThanOrEqual(12)
    expect(await faultsOf(page)).toEqual([])
    await picture.scrollIntoViewIfNeeded()
    await look(page, `digest-chart-${colorScheme}-390`)
  }
})
