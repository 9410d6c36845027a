import { expect, type Locator, type Page } from '@playwright/test'

/** A conversation in the list. */
export function row(page: Page, title: string): Locator {
  const list = page.getByRole('region', { name: 'Conversations' })
  return list.getByRole('link').filter({ has: page.getByText(title, { exact: true }) })
}

/** What is new in a conversation, as its row in the list says: `3 unread messages`. */
export function badge(page: Page, title: string): Locator {
  return row(page, title).getByText(/^\d+ unread messages?$/)
}

/** Opens a conversation by its row, and waits until one can write. */
export async function open(page: Page, title: string): Promise<void> {
  await row(page, title).click()
  await expect(box(page)).toBeVisible()
}

/** Where one writes. */
export function box(page: Page): Locator {
  return page.getByRole('textbox', { name: /^Write to / })
}

/** Writes a message and sends it by Enter. */
export async function say(page: Page, text: string): Promise<void> {
  await box(page).fill(text)
  await box(page).press('Enter')
}

/** The messages that contain this. */
export function message(page: Page, text: string | RegExp): Locator {
  return page.getByRole('article').filter({ hasText: text })
}

/** The person looks at another window of theirs; answers how they come back. */
export async function lookAway(page: Page): Promise<() => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  // Else each page believes that it is the one before the person.
  const emulate = (enabled: boolean) =>
    devtools.send('Emulation.setFocusEmulationEnabled', { enabled })
  const other = await page.context().newPage()
  await emulate(false)
  await other.bringToFront()
  await expect.poll(() => page.evaluate(() => document.hasFocus())).toBe(false)
  return async () => {
    await other.close()
    await page.bringToFront()
    await emulate(true)
  }
}

/** In the page: waits until nothing has scrolled or grown for some frames. */
export function atRest(): Promise<void> {
  const FRAMES = 12
  const log = document.querySelector('[role=log]')
  const place = () => `${log?.scrollTop} of ${log?.scrollHeight}`
  return new Promise(done => {
    const next = (last: string, times: number) =>
      requestAnimationFrame(() => {
        if (times === FRAMES) done()
        else next(place(), place() === last ? times + 1 : 0)
      })
    next(place(), 0)
  })
}
