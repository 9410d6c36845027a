import { alert, look, PHONE, shop, tallied } from './dinging.ts'
import { expect, type Page, test } from './kit.ts'
import { WITH_DEVICES } from './visiting.ts'

test.use(WITH_DEVICES)

/** Plays what was recorded, and waits until some of it was heard. */
async function play(page: Page): Promise<void> {
  const player = page.getByLabel('Voice note', { exact: true }).last()
  await player.evaluate((audio: HTMLAudioElement) => audio.play())
  await expect
    .poll(() => player.evaluate((audio: HTMLAudioElement) => audio.currentTime))
    .toBeGreaterThan(0)
}

test('what is spoken is sent with an alert, and heard by whoever receives it', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const manager = await open(of.manager, { ...PHONE, path: `/c/${of.conv}` })
  await manager.getByRole('button', { name: 'DING the people here' }).tap()
  await manager.getByRole('textbox', { name: 'What it says' }).fill('Listen to this, please.')
  await manager.getByRole('button', { name: 'Voice note' }).tap()
  await manager.getByRole('button', { name: /^Stop recording \([1-9]\d* s\)$/ }).tap()
  await expect(manager.getByRole('button', { name: 'Remove it' })).toBeVisible()
  await play(manager)
  await look(manager, 'ding-voice')
  await manager.getByRole('button', { name: 'Send the DING' }).tap()
  await tallied(manager, 0, 1)
  const page = await open(of.staff[0], PHONE)
  await expect(alert(page)).toContainText('Listen to this')
  await play(page)
  await look(page, 'ding-alert-voice')
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await tallied(manager, 1, 1)
})

test('an alert rings until somebody says that it is enough', async ({ open, company }) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0], PHONE)
  // It makes a noise at any hour.
  const to = { users: [...of.users] }
  await company.as('frank', 'ding.send', { text: 'Come now.', to, urgent: true })
  await expect(alert(page)).toContainText('Come now.')
  await look(page, 'ding-alert-rings')
  await alert(page).getByRole('button', { name: 'Stop the sound' }).tap()
  await expect(alert(page).getByRole('button', { name: 'Stop the sound' })).toHaveCount(0)
  await alert(page).getByRole('button', { name: 'Confirm' }).tap()
  await expect(alert(page)).toBeHidden()
})
