import { join } from 'node:path'
import { expect, PICTURES } from './kit.ts'
import { dress } from './places/measure.ts'
import { go, ON_THE_WAY, PLACES, resize, type Size } from './places/places.ts'
import { test } from './places/scene.ts'
import { wording } from './places/wording.ts'
import { Witness } from './witness.ts'

test.describe.configure({ mode: 'parallel' })
// A trace takes pictures of its own, with every step.
test.use({ trace: 'off' })

const DESKTOP: Size = { width: 1440, height: 900 }
const PHONE: Size = { width: 320, height: 640 }
/** Where people are all day is looked at on a phone of today, too. */
const TALL: Size = { width: 390, height: 844 }

for (const place of PLACES) {
  test(`${place.name} in pictures, and nothing is stopped`, async ({ open, scene, faults }) => {
    faults.allow(...ON_THE_WAY)
    const witness = new Witness(scene.url, scene.wired, scene.fresh.url)
    for (const language of ['en', 'zh-HK'] as const) {
      const t = wording(language)
      const how = {
        language,
        locale: language,
        reducedMotion: 'reduce',
        path: 'about:blank',
      } as const
      const page = await open(place.login, how)
      await witness.watch(page)
      const visit = { page, scene, t }
      const picture = (...words: (string | number)[]) =>
        page.screenshot({ path: join(PICTURES, `${[place.name, ...words].join('-')}.png`) })
      for (const size of place.main ? [DESKTOP, PHONE, TALL] : [DESKTOP, PHONE]) {
        await page.setViewportSize(size)
        await (size === TALL ? resize(place, visit, size) : go(place, visit))
        await picture(size.width, language)
        if (!place.main || language !== 'en') continue
        await dress(page, 'dark')
        await picture(size.width, 'dark')
        await dress(page, 'light')
      }
    }
    expect(witness.seen).toEqual([])
  })
}
