import { expect, type Page } from './kit.ts'
import { barriers, dress, enlarge, overflowing, small } from './places/measure.ts'
import { go, ON_THE_WAY, PLACES, resize, rest } from './places/places.ts'
import { test } from './places/scene.ts'
import { wording } from './places/wording.ts'

test.describe.configure({ mode: 'parallel' })
// A trace takes a picture of the page with every step, which is slow; the faults say enough.
test.use({ trace: 'off' })

const HEIGHT = 800
const WIDTHS = [1440, 768, 320]

/** What is wrong with a page as it stands, by where it was found. */
async function faultsOf(page: Page, where: string): Promise<string[]> {
  await rest(page)
  const found = [await overflowing(page), await small(page)]
  for (const theme of ['dark', 'light'] as const) {
    await dress(page, theme)
    found.push((await barriers(page)).map(fault => `${theme}: ${fault}`))
  }
  return found.flat().map(fault => `${where}: ${fault}`)
}

for (const place of PLACES) {
  test(`nobody is kept out of ${place.name}`, async ({ open, scene, faults }) => {
    faults.allow(...ON_THE_WAY)
    const page = await open(place.login, { reducedMotion: 'reduce' })
    const visit = { page, scene, t: wording('en') }
    const found: string[] = []
    await page.setViewportSize({ width: 1440, height: HEIGHT })
    await go(place, visit)
    for (const width of WIDTHS) {
      await resize(place, visit, { width, height: HEIGHT })
      found.push(...(await faultsOf(page, `${width}`)))
    }
    await enlarge(page, 'big')
    found.push(...(await faultsOf(page, '320 with big text')))
    expect(found).toEqual([])
  })
}

test('the checks find what is wrong', async ({ open, faults }) => {
  faults.allow(...ON_THE_WAY)
  const page = await open(undefined, { viewport: { width: 320, height: 640 } })
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  expect(await barriers(page)).toEqual([])
  await page.evaluate(() => {
    const button = document.createElement('button')
    button.style.width = '20px'
    const pale = document.createElement('p')
    pale.textContent = 'hardly to be read'
    pale.style.cssText = 'color: #999; background: #aaa; width: 400px'
    document.querySelector('main')?.append(button, pale)
  })
  const found = await barriers(page)
  expect(found.filter(fault => fault.startsWith('button-name'))).toHaveLength(1)
  expect(found.filter(fault => fault.startsWith('color-contrast'))).toHaveLength(1)
  expect(await small(page)).toHaveLength(1)
  expect(await overflowing(page)).toContainEqual(expect.stringContaining('the page'))
})
