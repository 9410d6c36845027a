import { join } from 'node:path'
import { expect, type Page, PICTURES } from './kit.ts'
import { barriers, dress, enlarge, overflowing, small } from './places/measure.ts'
import {
  go,
  ON_THE_WAY,
  PLACES,
  type Place,
  resize,
  rest,
  type Size,
  speak,
  type Visit,
} from './places/places.ts'
import { test } from './places/scene.ts'
import { wording } from './places/wording.ts'
import { Witness } from './witness.ts'

test.describe.configure({ mode: 'parallel' })
const DESKTOP = { width: 1440, height: 900 }
const TABLET = { width: 768, height: 800 }
const PHONE = { width: 320, height: 640 }
/** Where people are all day is looked at on a phone of today, too. */
const TALL = { width: 390, height: 844 }

/** What is wrong with a page as it stands, by where it was found. */
async function faultsOf(page: Page, where: string): Promise<string[]> {
  await rest(page)
  const found = [await overflowing(page), await small(page), await barriers(page)]
  return found.flat().map(fault => `${where}: ${fault}`)
}

/** The same in the dark, where only colours are others. */
async function faultsInTheDark(page: Page, where: string): Promise<string[]> {
  await dress(page, 'dark')
  await rest(page)
  const found = await barriers(page, 'colour')
  await dress(page, 'light')
  return found.map(fault => `${where} in the dark: ${fault}`)
}

/** Takes a picture of a page as it stands, in its language and where that matters in the dark. */
async function take({ name, main }: Place, page: Page, language: string): Promise<void> {
  const picture = (of: string) => {
    const width = page.viewportSize()?.width
    return page.screenshot({ path: join(PICTURES, `${name}-${width}-${of}.png`) })
  }
  await picture(language)
  if (!main || language !== 'en') return
  await dress(page, 'dark')
  await picture('dark')
  await dress(page, 'light')
}

/** Looks at a place on every screen, in pictures; answers what is wrong with it. */
async function inspect(place: Place, visit: Visit): Promise<string[]> {
  const { page } = visit
  const found: string[] = []
  const look = async ({ width }: Size) => {
    found.push(...(await faultsOf(page, `${width}`)))
    found.push(...(await faultsInTheDark(page, `${width}`)))
  }
  // A page that was only made narrower is no phone's.
  for (const size of [DESKTOP, PHONE]) {
    await page.setViewportSize(size)
    await go(place, visit)
    await take(place, page, 'en')
    await look(size)
    if (size === PHONE) {
      await enlarge(page, 'big')
      found.push(...(await faultsOf(page, '320 with big text')))
      await enlarge(page, 'normal')
    }
    await inCantonese(place, visit, size)
    if (size === DESKTOP) {
      await resize(place, visit, TABLET)
      await look(TABLET)
    }
  }
  return found
}

/** Takes the pictures of a place as those see it who speak Cantonese, and comes back. */
async function inCantonese(place: Place, visit: Visit, size: Size): Promise<void> {
  const { page } = visit
  const other = { ...visit, t: wording('zh-HK') }
  await speak(place, other, 'zh-HK')
  await take(place, page, 'zh-HK')
  if (place.main && size === PHONE) {
    await resize(place, other, TALL)
    await take(place, page, 'zh-HK')
  }
  await speak(place, visit, 'en')
  if (place.main && size === PHONE) await take(place, page, 'en')
}

for (const place of PLACES) {
  test(`${place.name} keeps nobody out, in pictures`, async ({ open, scene, faults }) => {
    faults.allow(...ON_THE_WAY)
    const witness = new Witness(scene.url, scene.wired, scene.fresh.url)
    const page = await open(place.login, { reducedMotion: 'reduce', path: 'about:blank' })
    await witness.watch(page)
    expect(await inspect(place, { page, scene, t: wording('en') })).toEqual([])
    expect(witness.seen).toEqual([])
  })
}

test('the checks find what is wrong', async ({ open, faults }) => {
  faults.allow(...ON_THE_WAY)
  const page = await open(undefined, { viewport: PHONE, reducedMotion: 'reduce' })
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  expect(await faultsOf(page, 'here')).toEqual([])
  expect(await faultsInTheDark(page, 'here')).toEqual([])
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
  expect(await faultsInTheDark(page, 'here')).toEqual([
    expect.stringMatching(/^here in the dark: color-contrast: .*hardly to be read/),
  ])
  expect(await small(page)).toHaveLength(1)
  expect(await overflowing(page)).toContainEqual(expect.stringContaining('the page'))
})
