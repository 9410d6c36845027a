/** What the list of messages shows, row by row. */

import type { Event, UserId } from '@carillon/client'
import { is, isShown } from './event.ts'
import { type Message, messageOf, messageOfPending } from './message.ts'
import type { Pending } from './pending.ts'
import type { Stretch } from './stretch.ts'

export type Row =
  /** A new day begins. */
  | { readonly kind: 'day'; readonly key: string; readonly at: number }
  /** What comes is new to the person. */
  | { readonly kind: 'new'; readonly key: string }
  /** `first`: it shows who says it; the next ones of the same person soon after do not. */
  | {
      readonly kind: 'message'
      readonly key: string
      readonly first: boolean
      readonly message: Message
    }
  /** Something happened to the conversation. */
  | { readonly kind: 'change'; readonly key: string; readonly event: Event }

/** Messages of one person within so long of each other stand together. */
const TOGETHER_MS = 5 * 60_000

/** What rows depend on besides the log. */
export interface View {
  readonly me: UserId
  /** Own messages that are not in the log yet. */
  readonly pending: readonly Pending[]
  /** Messages of others after this position are new. */
  readonly newAfter: number | undefined
  /** Numbers the days, in the person's time zone. */
  readonly dayOf: (at: number) => number
}

/** The last thing above, which decides how the next one looks. */
interface Above {
  at: number
  by: UserId | undefined
}

/**
 * Rows for a stretch. The look of a row depends only on what stands above it, and the oldest event
 * held is not shown until the log's start is reached: so what is read later changes no row that
 * is there, and nothing moves under the eyes.
 */
export function rowsOf(stretch: Stretch, view: View): Row[] {
  const events = stretch.events.filter(isShown)
  const context = stretch.atStart ? undefined : events.shift()
  const rows: Row[] = []
  let above = context && aboveOf(context, messageOf(context, view.me))
  const newFrom = firstNew(stretch, view)
  for (const event of events) {
    if (event === newFrom) {
      rows.push({ kind: 'new', key: 'new' })
      above = above && { ...above, by: undefined }
    }
    const message = messageOf(event, view.me)
    if (message) above = addMessage(rows, above, message, view)
    else {
      addDay(rows, above, event, event.id, view)
      rows.push({ kind: 'change', key: event.id, event })
      above = aboveOf(event, undefined)
    }
  }
  if (!stretch.live) return rows
  const there = new Set(rows.map(row => row.key))
  for (const pending of view.pending) {
    if (there.has(pending.cid)) continue
    above = addMessage(rows, above, messageOfPending(pending, view.me), view)
  }
  return rows
}

function aboveOf(event: Event, message: Message | undefined): Above {
  return { at: event.at, by: message?.by }
}

function addMessage(rows: Row[], above: Above | undefined, message: Message, view: View): Above {
  const { at, by, key } = message
  const isNewDay = addDay(rows, above, message, key, view)
  const together = !isNewDay && above?.by === by && at - above.at < TOGETHER_MS
  rows.push({ kind: 'message', key, first: !together, message })
  return { at, by }
}

/** A line between two days; tells whether there is one. */
function addDay(
  rows: Row[],
  above: Above | undefined,
  { at }: { at: number },
  below: string,
  { dayOf }: View,
): boolean {
  if (above && dayOf(above.at) === dayOf(at)) return false
  rows.push({ kind: 'day', key: `day-${below}`, at })
  return true
}

/** The first new message of somebody else, if the stretch reaches back to what is not new. */
function firstNew(stretch: Stretch, { newAfter, me }: View): Event | undefined {
  if (newAfter === undefined || stretch.from > newAfter + 1) return undefined
  return stretch.events.find(
    event => event.seq > newAfter && event.by !== me && is(event, 'msg.sent'),
  )
}
