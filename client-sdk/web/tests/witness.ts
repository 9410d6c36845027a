import type { Page } from '@playwright/test'

/** Somebody who sees what a page does besides what it shows. */
export class Witness {
  /** What ran, what was sent elsewhere, and what the content security policy had to stop. */
  readonly seen: string[] = []
  readonly #origins: ReadonlySet<string>

  /** @param origins whom pages may talk to */
  constructor(...origins: string[]) {
    this.#origins = new Set(origins)
  }

  /** Watches a page from its next address on. */
  async watch(page: Page): Promise<void> {
    await page.exposeFunction('__tell', (what: string) => void this.seen.push(what))
    await page.addInitScript(() => {
      Object.defineProperty(window, '__pwned', { set: () => tell('something ran'), get: () => 0 })
      addEventListener('securitypolicyviolation', event => {
        tell(`${event.violatedDirective} stopped ${event.blockedURI} ${event.sample}`)
      })

      function tell(what: string): void {
        // The page leaves, or has not begun: the browser calls nobody then.
        ;(window as { __tell?: (what: string) => void }).__tell?.(what)
      }
    })
    page.on('request', request => {
      const { protocol, origin } = new URL(request.url())
      const isOutside = protocol !== 'data:' && protocol !== 'blob:' && !this.#origins.has(origin)
      if (isOutside) this.seen.push(`sent to ${request.url()}`)
    })
    page.on('popup', popup => this.seen.push(`opened ${popup.url()}`))
  }
}
