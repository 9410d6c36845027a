import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { open as enter, message } from './chatting.ts'
import { expect, type Page, PICTURES, test } from './kit.ts'
import { barriers, overflowing } from './places/measure.ts'

/** The robots of the group that is open. */
async function robots(page: Page) {
  await page.getByRole('button', { name: 'Group details' }).click()
  await page.getByRole('button', { name: 'Robots', exact: true }).click()
  return page.getByRole('dialog', { name: 'Robots' })
}

/** What stands in a line that can be copied. */
function copied(page: Page, label: string): Promise<string> {
  return page.getByLabel(label).inputValue()
}

/** Does what the page says to try; the answer. */
function inShell(command: string): { errcode: number } {
  return JSON.parse(
    execFileSync('sh', ['-c', command.replace('curl ', 'curl --silent ')]).toString(),
  )
}

/** What a program posts; its answer. */
async function post(page: Page, address: string, body: object): Promise<{ errcode: number }> {
  const answer = await page.request.post(address, { data: body })
  return answer.json()
}

test('a robot is made in a group, posts there, and says why it did not', async ({
  open,
  company,
}) => {
  const title = 'Server room'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = [await open('amy'), await open('bob')]
  await enter(amy, title)
  await enter(bob, title)
  const dialog = await robots(amy)
  await dialog.getByRole('button', { name: 'Add a robot' }).click()
  const form = amy.getByRole('dialog', { name: 'Add a robot' })
  await form.getByLabel('Name').fill('Disk alarm 磁碟')
  await form.getByLabel('Keywords').fill('disk')
  await form.getByLabel('Allowed addresses').fill('somewhere')
  await form.getByRole('button', { name: 'Add a robot' }).click()
  await expect(form.getByText('Write them as 192.0.2.7')).toBeVisible()
  await form.getByLabel('Allowed addresses').fill('127.0.0.0/8\n::1')
  await form.getByRole('button', { name: 'Add a robot' }).click()

  const shown = amy.getByRole('dialog', { name: /^The address of/ })
  await expect(shown.getByText('shown only now')).toBeVisible()
  const address = await copied(amy, 'As DingTalk’s')
  const hook = await copied(amy, 'As Slack’s, Mattermost’s and Alertmanager’s')
  // Who turns a tablet still has what is shown only once.
  for (const width of [700, 1440]) {
    await amy.setViewportSize({ width, height: 900 })
    expect(await copied(amy, 'As DingTalk’s')).toBe(address)
  }
  expect(inShell(await copied(amy, 'Try it in a terminal'))).toEqual({ errcode: 0, errmsg: 'ok' })
  const hello = message(bob, 'Hello, group disk')
  await expect(hello.getByText('Robot', { exact: true })).toBeVisible()
  const text = { msgtype: 'text', text: { content: 'the disk is full' } }
  expect(await post(amy, address, text)).toEqual({ errcode: 0, errmsg: 'ok' })
  const quiet = { msgtype: 'text', text: { content: 'nothing to see' } }
  expect((await post(amy, address, quiet)).errcode).toBe(310_000)
  const slack = await amy.request.post(hook, { data: { text: '*disk* mended' } })
  expect(await slack.text()).toBe('ok')
  await expect(message(bob, 'the disk is full')).toContainText('Disk alarm 磁碟')
  await expect(message(bob, 'disk mended').getByText('disk', { exact: true })).toBeVisible()

  await shown.getByRole('button', { name: 'Close' }).last().click()
  await dialog.getByRole('button', { name: /^What to do with Disk alarm/ }).click()
  await amy.getByRole('menuitem', { name: 'Last calls' }).click()
  const calls = amy.getByRole('dialog', { name: 'Last calls' }).getByRole('listitem')
  await expect(calls).toHaveCount(4)
  await expect(calls.nth(1)).toContainText('No keyword in it')
  await expect(calls.nth(0)).toContainText('Posted')
})

test('only the owner changes robots; an address that was told is replaced', async ({
  open,
  company,
}) => {
  const title = 'Deploys'
  const conv = await company.group(title, 'amy', 'bob')
  const made = await company.as('amy', 'bot.create', { conv, name: 'Deploy' })
  const [amy, bob] = [await open('amy'), await open('bob')]
  const address = `${new URL(amy.url()).origin}/robot/send?access_token=${made.token}`
  const text = { msgtype: 'text', text: { content: 'out' } }
  await enter(bob, title)
  const looked = await robots(bob)
  await expect(looked.getByText('Deploy', { exact: true })).toBeVisible()
  await expect(looked.getByRole('button', { name: 'Add a robot' })).toBeHidden()
  await expect(looked.getByRole('button', { name: /^What to do with/ })).toBeHidden()
  await enter(amy, title)
  const dialog = await robots(amy)
  const choose = async (what: string) => {
    await dialog.getByRole('button', { name: 'What to do with Deploy' }).click()
    await amy.getByRole('menuitem', { name: what }).click()
  }
  await choose('Change it')
  const form = amy.getByRole('dialog', { name: 'Change it' })
  await form.getByLabel('On', { exact: true }).uncheck()
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(dialog.getByText('Off', { exact: true })).toBeVisible()
  expect((await post(amy, address, text)).errcode).toBe(400_102)
  await choose('New address')
  await amy.getByRole('dialog', { name: 'New address' }).getByRole('button').last().click()
  expect(await copied(amy, 'As DingTalk’s')).not.toBe(address)
  expect((await post(amy, address, text)).errcode).toBe(300_001)
  await amy.getByRole('button', { name: 'Close' }).last().click()
  await choose('Remove the robot')
  await amy.getByRole('dialog', { name: 'Remove the robot' }).getByRole('button').last().click()
  await expect(dialog.getByText('This group has no robots yet')).toBeVisible()
})

for (const size of [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
]) {
  test(`robots are looked at ${size.width} wide`, async ({ open, company }) => {
    const title = `Looks ${size.width}`
    const conv = await company.group(title, 'amy', 'bob')
    await company.as('amy', 'bot.create', { conv, name: '磁碟 alarm with a name that is long' })
    const amy = await open('amy')
    await amy.setViewportSize(size)
    await enter(amy, title)
    const dialog = await robots(amy)
    const look = async (name: string) => {
      expect([...(await barriers(amy)), ...(await overflowing(amy))]).toEqual([])
      await amy.screenshot({ path: join(PICTURES, `robots-${name}-${size.width}.png`) })
    }
    await expect(dialog.getByRole('listitem')).toHaveCount(1)
    await look('list')
    await dialog.getByRole('button', { name: 'Add a robot' }).click()
    const form = amy.getByRole('dialog', { name: 'Add a robot' })
    await form.getByLabel('Name').fill('Signed')
    await form.getByLabel('Signed calls only').check()
    await look('form')
    await form.getByRole('button', { name: 'Add a robot' }).click()
    await expect(amy.getByLabel('Secret')).toBeVisible()
    await look('address')
    const answer = inShell(await copied(amy, 'Try it in a terminal'))
    expect(answer).toEqual({ errcode: 0, errmsg: 'ok' })
  })
}
