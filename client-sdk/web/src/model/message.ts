/** A message as a row shows it, from the log or still on its way there. */

import type { Cid, ErrorBody, Event, UserId } from '@carillon/client'
import { is } from './event.ts'
import type { Pending } from './pending.ts'

export interface Message {
  /** The same before and after the log has it, so that its row stays. */
  readonly key: string
  readonly by: UserId
  readonly at: number
  /** Absent of a kind that this version does not know. */
  readonly text: string | undefined
  readonly mentions: readonly UserId[]
  /** Its position; absent while the log does not have it. */
  readonly seq: number | undefined
  /** Set while it is in the outbox. */
  readonly cid: Cid | undefined
  readonly state: 'sent' | 'queued' | 'landing' | 'refused'
  readonly refused: ErrorBody | undefined
}

/** Rows are compared by object: the same event is the same message. */
const OF_EVENTS = new WeakMap<Event, Message>()
const OF_PENDING = new WeakMap<Pending, Message>()

/** The message that an event carries; `undefined` of other events. */
export function messageOf(event: Event, me: UserId): Message | undefined {
  if (!is(event, 'msg.sent')) return undefined
  const known = OF_EVENTS.get(event)
  if (known) return known
  // A newer server may know kinds of messages that say in `alt` what they are.
  const data: { text?: unknown; alt?: unknown; mentions?: unknown } = event.data
  const text = typeof data.text === 'string' ? data.text : data.alt
  const message: Message = {
    // Others could choose a `cid` that is in use.
    key: event.by === me ? (event.cid ?? event.id) : event.id,
    by: event.by,
    at: event.at,
    text: typeof text === 'string' ? text : undefined,
    mentions: Array.isArray(data.mentions) ? data.mentions : [],
    seq: event.seq,
    cid: undefined,
    state: 'sent',
    refused: undefined,
  }
  OF_EVENTS.set(event, message)
  return message
}

/** An own message that the log does not have yet. */
export function messageOfPending(pending: Pending, me: UserId): Message {
  const known = OF_PENDING.get(pending)
  if (known) return known
  const { cid, text, mentions, at, refused, landing } = pending
  const state = refused ? 'refused' : landing ? 'landing' : 'queued'
  const message: Message = {
    key: cid,
    by: me,
    at,
    text,
    mentions,
    seq: undefined,
    cid,
    state,
    refused,
  }
  OF_PENDING.set(pending, message)
  return message
}
