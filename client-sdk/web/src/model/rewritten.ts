/** Messages that say something else since they were written. */

import type { Card, Event, EventOf } from '@carillon/client'
import { is } from './event.ts'
import type { Stretch } from './stretch.ts'

type Change = EventOf<'card.updated'>
type Sent = EventOf<'msg.sent'>

/** So many changes are remembered: more than are made while a page of the log is on its way. */
const CHANGES_MAX = 256

/** What is known of the newest change of a message. */
interface Known {
  readonly seq: number
  /** Absent if the message has to be read again to know. */
  readonly card: Card | undefined
  readonly asked: boolean
}

/** The event of a message after a change; itself if that is older, or of another message. */
export function rewritten(event: Event, change: Change): Event {
  const { of, card } = change.data
  return event.seq === of ? changed(event, { seq: change.seq, card, asked: false }) : event
}

/** Whether a message is known to have changed, but not what it says now. */
export function isUntold(event: Event): event is Change {
  return is(event, 'card.updated') && event.data.card === undefined
}

function changed(event: Event, { seq, card }: Known): Event {
  if (card === undefined || !isOlder(event, seq)) return event
  return { ...event, data: { ...event.data, kind: 'card', card, rev: seq } }
}

/** Whether an event is a card as it was before a change. */
function isOlder(event: Event, seq: number): event is Sent {
  if (!is(event, 'msg.sent') || (event.data.rev ?? event.seq) >= seq) return false
  const kind: string = event.data.kind
  // What the log withheld is told by a change that may be seen.
  return kind === 'card' || kind === 'withheld'
}

/** The changes of one conversation that were heard of: a page may have been read before them. */
export class Changes {
  /** The newest one of each message. */
  readonly #newest = new Map<number, Known>()

  /** Takes an event of the log; answers whether it changes a message. */
  heard(event: Event): boolean {
    if (!is(event, 'card.updated')) return false
    const { of, card } = event.data
    if ((this.#newest.get(of)?.seq ?? 0) < event.seq) {
      this.#newest.delete(of)
      this.#newest.set(of, { seq: event.seq, card, asked: false })
    }
    const [oldest] = this.#newest.keys()
    if (this.#newest.size > CHANGES_MAX && oldest !== undefined) this.#newest.delete(oldest)
    return true
  }

  /** The messages that have to be read again; each is named once for a change. */
  toRead(stretch: Stretch): number[] {
    const seqs: number[] = []
    for (const [of, known] of this.#newest) {
      if (known.card !== undefined || known.asked) continue
      if (!stretch.events.some(event => event.seq === of && isOlder(event, known.seq))) continue
      this.#newest.set(of, { ...known, asked: true })
      seqs.push(of)
    }
    return seqs
  }

  /** What was read again, or that it could not be read. */
  read(seq: number, event: Event | undefined): void {
    const known = this.#newest.get(seq)
    if (!known) return
    if (!event) this.#newest.set(seq, { ...known, asked: false })
    else if (event.seq === seq && is(event, 'msg.sent') && event.data.kind === 'card') {
      const rev = event.data.rev ?? seq
      if (rev >= known.seq) this.#newest.set(seq, { ...known, seq: rev, card: event.data.card })
    }
  }

  /** The stretch with every change that is known; what is the same in it stays the same. */
  made(stretch: Stretch): Stretch {
    if (this.#newest.size === 0) return stretch
    let differs = false
    const events = stretch.events.map(event => {
      const known = this.#newest.get(event.seq)
      const now = known ? changed(event, known) : event
      differs ||= now !== event
      return now
    })
    return differs ? { ...stretch, events } : stretch
  }
}
