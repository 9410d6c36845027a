import { join as path } from 'node:path'
import { expect, type OpenOptions, type Page, PICTURES } from './kit.ts'
import { MEETING, ready } from './meeting.ts'
import { barriers, dress, overflowing, small } from './places/measure.ts'
import { test as base } from './unhurried.ts'

export const test = base.extend<{
  /** A browser with a camera, signed in, before a conversation. */
  visit: (login: string, conv: string, options?: OpenOptions) => Promise<Page>
}>({
  visit: async ({ open }, use) => {
    await use(async (login, conv, options = {}) => {
      const page = await ready(await open(login, { ...options, path: 'about:blank' }))
      await page.goto(`/c/${conv}`)
      return page
    })
  },
})

/** A browser with a camera and a microphone, for `test.use`. */
export const WITH_DEVICES = {
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: MEETING,
    ignoreDefaultArgs: ['--mute-audio'],
  },
}

/** What is wrong with a page in light and dark; takes a picture of both. */
export async function look(page: Page, name: string): Promise<void> {
  const found: string[] = []
  for (const theme of ['light', 'dark'] as const) {
    await dress(page, theme)
    const width = page.viewportSize()?.width
    await page.screenshot({ path: path(PICTURES, `meet-${name}-${width}-${theme}.png`) })
    found.push(...(await barriers(page, theme === 'dark' ? 'colour' : 'all')))
  }
  await dress(page, 'light')
  found.push(...(await overflowing(page)), ...(await small(page)))
  expect(found).toEqual([])
}
