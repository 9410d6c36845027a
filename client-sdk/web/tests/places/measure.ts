import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from '../kit.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The rules about colours, which are all that another theme changes. */
const OF_COLOUR = ['color-contrast', 'link-in-text-block']

/** What axe finds serious or critical on a page, a line for each element. */
export async function barriers(page: Page, about: 'all' | 'colour' = 'all'): Promise<string[]> {
  // The policy of the page allows no script of others; the debugger may run one.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE)
  const { violations } = await page.evaluate(
    async (rules): Promise<AxeResults> =>
      window.axe.run({ resultTypes: ['violations'], ...(rules.length && { runOnly: rules }) }),
    about === 'colour' ? OF_COLOUR : [],
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, any }) => `${id}: ${any[0]?.message ?? ''} ${html.slice(0, 160)}`),
    )
}

/** What is wider than the screen or than what it stands in. */
export async function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const name = (element: Element) => element.outerHTML.slice(0, 120)
    const root = document.documentElement
    const wide = root.scrollWidth > innerWidth ? [`the page: ${root.scrollWidth}`] : []
    for (const element of document.querySelectorAll('body :not(textarea, textarea *)')) {
      const over = element.scrollWidth - element.clientWidth
      const { overflowX } = getComputedStyle(element)
      if (over > 1 && (overflowX === 'auto' || overflowX === 'scroll')) {
        wide.push(`${name(element)} scrolls: ${over}`)
      } else if (over > 1 && element.matches('button, .button, label, h1, h2, h3')) {
        // What is drawn around a button to be hit may be wider than the button.
        const isDrawn = getComputedStyle(element, '::after').position === 'absolute'
        if (overflowX === 'visible' && !isDrawn) wide.push(`${name(element)} spills: ${over}`)
      }
    }
    return wide
  })
}

/** A finger hits this much. */
const TARGET = 44

/** What a person is to hit and is smaller than a finger; links inside a text are as high as it. */
export async function small(page: Page): Promise<string[]> {
  return page.evaluate(least => {
    const found: string[] = []
    const roles = ['button', 'menuitem', 'option', 'treeitem', 'tab'].map(role => `[role=${role}]`)
    const all = ['a[href]', 'button', 'input', 'select', 'textarea', 'summary', ...roles].join()
    for (const element of document.querySelectorAll<HTMLElement>(all)) {
      if (!element.checkVisibility({ opacityProperty: false, visibilityProperty: true })) continue
      if (element.closest('.visually-hidden, .skip, [aria-hidden=true]')) continue
      const inText = element.matches('a') && getComputedStyle(element).display === 'inline'
      if (inText) continue
      const { width, height } = extent(element)
      // A pixel of a screen lies between the pixels of a layout.
      if (width < least - 0.5 || height < least - 0.5) {
        const size = `${Math.round(width)} × ${Math.round(height)}`
        found.push(`${size}: ${element.outerHTML.slice(0, 140)}`)
      }
    }
    return found

    /** What belongs to it: its label, and what is drawn around it to be hit. */
    function extent(element: HTMLElement): { width: number; height: number } {
      const own = element.getBoundingClientRect()
      const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : []
      const boxes = [own, ...labels.map(label => label.getBoundingClientRect())]
      const { content, position, top, right, bottom, left } = getComputedStyle(element, '::after')
      if (content !== 'none' && position === 'absolute') {
        const [up, on, down, back] = [top, right, bottom, left].map(Number.parseFloat)
        const x = own.x + (back ?? 0)
        const y = own.y + (up ?? 0)
        boxes.push(new DOMRect(x, y, own.right - (on ?? 0) - x, own.bottom - (down ?? 0) - y))
      }
      const x = Math.min(...boxes.map(box => box.left))
      const y = Math.min(...boxes.map(box => box.top))
      return {
        width: Math.max(...boxes.map(box => box.right)) - x,
        height: Math.max(...boxes.map(box => box.bottom)) - y,
      }
    }
  }, TARGET)
}

/** Dresses the page in a theme of the system. */
export async function dress(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme })
  await page.locator(`html[data-theme="${theme}"]`).waitFor()
}

/** Chooses big text, as the settings do; the app follows as if another window had chosen it. */
export async function enlarge(page: Page, text: 'normal' | 'big'): Promise<void> {
  await page.evaluate(text => {
    localStorage.setItem('carillon-appearance', JSON.stringify({ text }))
    dispatchEvent(new StorageEvent('storage'))
  }, text)
  await page.locator(`html[data-text="${text}"]`).waitFor()
}

declare global {
  interface Window {
    axe: typeof import('axe-core')
  }
}
