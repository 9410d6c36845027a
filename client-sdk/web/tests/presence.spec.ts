import { join } from 'node:path'
import { open as enter, row } from './chatting.ts'
import { expect, PICTURES, test, WIDTHS } from './kit.ts'

test('whoever has a window open is seen to be online, and not when it is closed', async ({
  open,
  company,
}) => {
  const nadia = await company.hire('nadia', 'Nadia Ho')
  const { conv } = await company.as('amy', 'conv.open', { user: nadia })
  await company.say(conv, 'amy', 'Are you there?')
  const amy = await open('amy')
  const nadias = row(amy, 'Nadia Ho')
  await expect(nadias).toBeVisible()
  await expect(nadias).not.toContainText('Online')
  const window = await open('nadia')
  await expect(nadias).toContainText('Online')
  await amy.screenshot({ path: join(PICTURES, 'presence-desktop.png') })

  await enter(amy, 'Nadia Ho')
  const head = amy.locator('.talk-head')
  await expect(head.getByText('Online')).toBeVisible()
  await amy.setViewportSize({ width: WIDTHS.phone, height: 640 })
  await amy.screenshot({ path: join(PICTURES, 'presence-phone.png') })
  await amy.setViewportSize({ width: WIDTHS.desktop, height: 900 })
  await amy.goto(`${new URL(amy.url()).origin}/people?p=${nadia}`)
  const card = amy.getByRole('region', { name: 'About this person' })
  await expect(card.getByText('Online')).toBeVisible()
  await amy.screenshot({ path: join(PICTURES, 'presence-card.png') })

  await window.close()
  await expect(card.getByText('Online')).toBeHidden()
  await amy.goto(new URL(amy.url()).origin)
  await expect(row(amy, 'Nadia Ho')).toBeVisible()
  await expect(row(amy, 'Nadia Ho')).not.toContainText('Online')
})

test('while the network is away nobody is said to be online', async ({
  open,
  company,
  faults,
  wire,
  address,
}) => {
  faults.allow(/net::ERR_|WebSocket connection/)
  const ken = await company.hire('kenneth', 'Kenneth Mak')
  const { conv } = await company.as('amy', 'conv.open', { user: ken })
  await company.say(conv, 'amy', 'Anybody?')
  const amy = await open('amy', { baseURL: address })
  await open('kenneth')
  await expect(row(amy, 'Kenneth Mak')).toContainText('Online')
  wire.cut()
  await expect(row(amy, 'Kenneth Mak')).not.toContainText('Online')
  wire.mend()
  await amy.evaluate(() => dispatchEvent(new Event('online')))
  await expect(row(amy, 'Kenneth Mak')).toContainText('Online')
})
