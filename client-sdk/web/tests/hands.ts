import { expect, type Locator, type Page } from '@playwright/test'

/** More stops than any page has. */
const STOPS_MAX = 80

/** Somebody who has a keyboard and no mouse, and must see where they are. */
export class Hands {
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
  }

  /** Writes, as with an input method: the characters come at once. */
  async write(text: string): Promise<void> {
    await this.#page.keyboard.insertText(text)
  }

  /** Presses a key that leads from one thing to the next, and sees where that is. */
  async step(key: string): Promise<void> {
    await this.#page.keyboard.press(key)
    await this.#look(key)
  }

  /** Presses a key that does something. */
  async press(key: string): Promise<void> {
    await this.#page.keyboard.press(key)
  }

  /** Goes from stop to stop until this one. */
  async goTo(goal: Locator, key = 'Tab'): Promise<void> {
    for (let stop = 0; stop < STOPS_MAX; stop += 1) {
      await this.step(key)
      if (await isFocused(goal)) return
    }
    throw new Error(`${key} does not lead to ${goal}`)
  }

  /** Goes there and presses Enter. */
  async use(goal: Locator, key = 'Tab'): Promise<void> {
    await this.goTo(goal, key)
    await this.press('Enter')
  }

  /** The focus is where it is seen. */
  async #look(after: string): Promise<void> {
    // What the arrows lead to may have to be drawn first.
    await expect.poll(() => this.#page.evaluate(whyUnseen), { message: `after ${after}` }).toBe('')
  }
}

function isFocused(goal: Locator): Promise<boolean> {
  return goal.evaluateAll(found => found.some(element => element === document.activeElement))
}

/** Why the person at the screen does not see where the focus is; nothing if they do. */
export function whyUnseen(): string {
  const element = document.activeElement
  // Past the last stop the browser's own bars have it.
  if (!element || element === document.body) return ''
  const name = element.outerHTML.slice(0, 120)
  const { x, y, width, height } = element.getBoundingClientRect()
  const isInside = x < innerWidth && y < innerHeight && x + width > 0 && y + height > 0
  if (width === 0 || height === 0 || !isInside) return `not on the screen: ${name}`
  if (!element.matches(':focus-visible')) return `not meant to be seen: ${name}`
  // A box that has a frame of its own shows it in place of what is in it.
  for (let at: Element | null = element; at?.matches(':focus-within'); at = at.parentElement) {
    const { outlineStyle, outlineWidth, outlineColor, opacity } = getComputedStyle(at)
    if (opacity === '0') return `faded: ${name}`
    const isDrawn = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
    if (isDrawn && outlineColor !== 'rgba(0, 0, 0, 0)') return ''
  }
  return `without a frame: ${name}`
}
