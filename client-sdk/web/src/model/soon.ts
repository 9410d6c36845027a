/** When to ask the server again, where one event makes everybody ask. */

import type { Event, UserId } from '@carillon/client'
import { is } from './event.ts'

/**
 * An import changes everybody's people, titles and departments, a limit what their groups allow, and
 * everybody hears of it at the same moment: each asks at a moment of its own within so long, or all
 * would ask at once.
 */
export const SPREAD_MS = 4_000

/** How long to wait before asking what an event has changed. Whoever did it looks at it now. */
export function spread(event: Event, me: UserId, random = Math.random): number {
  const isForAll = is(event, 'org.imported') || is(event, 'conv.limits_changed')
  return isForAll && event.by !== me ? random() * SPREAD_MS : 0
}

/** Does something once for all who ask, at the earliest of the moments that they asked for. */
export class Soon {
  readonly #work: () => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #at = Number.POSITIVE_INFINITY

  constructor(work: () => void) {
    this.#work = work
  }

  /** Does it in so many milliseconds, unless it is done before that anyway. */
  in(ms: number): void {
    const at = performance.now() + ms
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(() => {
      this.#at = Number.POSITIVE_INFINITY
      this.#work()
    }, ms)
  }

  /** Does it no more. */
  cancel(): void {
    clearTimeout(this.#timer)
    this.#at = Number.POSITIVE_INFINITY
  }
}
