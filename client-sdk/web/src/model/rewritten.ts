/** Messages that say something else since they were written. */

import type { Event, EventOf } from '@carillon/client'
import { is } from './event.ts'
import type { Stretch } from './stretch.ts'

type Change = EventOf<'card.updated'>

/** So many changes are remembered: more than are made while a page of the log is on its way. */
const CHANGES_MAX = 256

/** The event of a message after a change; itself if that is older, or of another message. */
export function rewritten(event: Event, change: Change): Event {
  const { of, card } = change.data
  if (!is(event, 'msg.sent') || event.seq !== of || event.data.kind !== 'card') return event
  if ((event.data.rev ?? event.seq) >= change.seq) return event
  return { ...event, data: { ...event.data, card, rev: change.seq } }
}

/** The changes of one conversation that were heard of: a page may have been read before them. */
export class Changes {
  /** The newest one of each message. */
  readonly #newest = new Map<number, Change>()

  /** Takes an event of the log; answers whether it changes a message. */
  heard(event: Event): boolean {
    if (!is(event, 'card.updated')) return false
    const { of } = event.data
    if ((this.#newest.get(of)?.seq ?? 0) < event.seq) {
      this.#newest.delete(of)
      this.#newest.set(of, event)
    }
    const [oldest] = this.#newest.keys()
    if (this.#newest.size > CHANGES_MAX && oldest !== undefined) this.#newest.delete(oldest)
    return true
  }

  /** The stretch with every change that is known; what is the same in it stays the same. */
  made(stretch: Stretch): Stretch {
    if (this.#newest.size === 0) return stretch
    let differs = false
    const events = stretch.events.map(event => {
      const change = this.#newest.get(event.seq)
      const now = change ? rewritten(event, change) : event
      differs ||= now !== event
      return now
    })
    return differs ? { ...stretch, events } : stretch
  }
}
