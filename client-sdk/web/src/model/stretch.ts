/**
 * A stretch of a conversation's log without a gap: what a screen scrolls through. It is bounded:
 * what is far from the eyes is given up and read again when it is wanted.
 */

import { type Event, LIMITS, type LogPage, type LogRead } from '@carillon/client'

export interface Stretch {
  /** Everything in `from..=to` that the person may see, oldest first. */
  readonly events: readonly Event[]
  readonly from: number
  readonly to: number
  /** Whether there is nothing before it that the person may see. */
  readonly atStart: boolean
  /** Whether it ends at the newest event and follows it. */
  readonly live: boolean
}

/** More events than this are not held of one conversation. */
export const HELD_MAX = 900
/** So many are left then, on the side where the eyes are. */
export const KEPT = 500
/** The first screen, and a little to scroll. */
const FIRST_PAGE = 60
/** What is read when the eyes come near an end. */
const PAGE = 100

type Window = Pick<LogRead, 'after' | 'before' | 'limit'>

/** What to ask the log for. */
export const ask = {
  newest: (): Window => ({ before: LIMITS.INT_MAX, limit: FIRST_PAGE }),
  older: ({ from }: Stretch): Window => ({ before: from, limit: PAGE }),
  newer: ({ to }: Stretch): Window => ({ after: to, limit: PAGE }),
  around: (seq: number): [Window, Window] => [
    { before: seq, limit: FIRST_PAGE },
    { after: seq - 1, limit: FIRST_PAGE },
  ],
}

/** The end of the log. */
export function newest(page: LogPage): Stretch {
  const { events, more } = page
  return { events, from: start(page), to: end(page), atStart: !more, live: true }
}

/** The surroundings of a position, from the pages before it and from it on. */
export function around(seq: number, before: LogPage, after: LogPage): Stretch {
  const empty: Stretch = { events: [], from: seq, to: seq - 1, atStart: false, live: false }
  return newer(older(empty, before), after)
}

/** With the page before it. */
export function older(stretch: Stretch, page: LogPage): Stretch {
  const events = page.events.filter(({ seq }) => seq < stretch.from)
  const from = Math.min(stretch.from, page.more ? start(page) : page.floor)
  return { ...stretch, events: [...events, ...stretch.events], from, atStart: !page.more }
}

/** With the page after it. */
export function newer(stretch: Stretch, page: LogPage): Stretch {
  const events = page.events.filter(({ seq }) => seq > stretch.to)
  const to = Math.max(stretch.to, page.more ? (events.at(-1)?.seq ?? 0) : end(page))
  // What was followed while the page was on its way goes beyond it.
  const live = !page.more || (stretch.live && events.length === 0)
  return { ...stretch, events: [...stretch.events, ...events], to, live }
}

/** With an event that follows; one that does not is not for this stretch. */
export function followed(stretch: Stretch, event: Event): Stretch {
  if (!stretch.live || event.seq !== stretch.to + 1) return stretch
  return { ...stretch, events: [...stretch.events, event], to: event.seq }
}

/** Cut on the side that is farther from this position, if it has become too long. */
export function trimmed(stretch: Stretch, seq: number): Stretch {
  const { events } = stretch
  if (events.length <= HELD_MAX) return stretch
  const here = events.findIndex(event => event.seq >= seq)
  const before = here < 0 ? events.length : here
  if (before > events.length / 2) {
    const kept = events.slice(Math.min(events.length - KEPT, before - KEPT / 2))
    return { ...stretch, events: kept, from: kept[0]?.seq ?? stretch.to, atStart: false }
  }
  const kept = events.slice(0, Math.max(KEPT, before + KEPT / 2))
  return { ...stretch, events: kept, to: kept.at(-1)?.seq ?? stretch.from, live: false }
}

function start({ events, more, floor }: LogPage): number {
  return more ? (events[0]?.seq ?? floor) : floor
}

function end({ events, head }: LogPage): number {
  return Math.max(head, events.at(-1)?.seq ?? 0)
}
