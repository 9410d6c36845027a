/** A conversation as the list shows it: facts of the server, put together in any order. */

import type {
  ConvId,
  ConvKind,
  ConvReadData,
  ConvRules,
  ConvSummary,
  Event,
  TopicPage,
  UserId,
} from '@carillon/client'
import { is, isMentioned } from './event.ts'
import type { Pending } from './pending.ts'
import { rewritten } from './rewritten.ts'

export interface Conversation {
  readonly id: ConvId
  readonly kind: ConvKind
  /** A group's title; of a direct conversation the other person's name. */
  readonly title: string
  /** The other person of a direct conversation. */
  readonly peer: UserId | undefined
  readonly members: number
  /** Who may call everybody; absent, every member. */
  readonly rules?: ConvRules | undefined
  /** The newest position that is known of. */
  readonly head: number
  /** The count of messages up to there. */
  readonly n: number
  /** How far the person has read, on whatever device, and the count of messages up to there. */
  readonly readSeq: number
  readonly readN: number
  /** Title, members and the newest message are as they were at this position. */
  readonly told: number
  readonly last: Event | undefined
  /** The newest message that mentions the person; 0 if none is known. */
  readonly mention: number
  /** Own messages that the log does not have yet, oldest first. */
  readonly pending: readonly Pending[]
}

/** How many messages the person has not read: derived, so that it cannot drift. */
export function unread(conv: Conversation): number {
  return Math.max(0, conv.n - conv.readN)
}

/** Whether a message that the person has not read mentions the person. */
export function mentioned(conv: Conversation): boolean {
  return conv.mention > conv.readSeq && unread(conv) > 0
}

/** When something was said last. */
export function activeAt(conv: Conversation): number {
  const waiting = conv.pending.at(-1)?.at ?? 0
  return Math.max(waiting, conv.last?.at ?? bornAt(conv.id))
}

/** The one in which something was said last comes first; in every window the same. */
export function byActivity(one: Conversation, other: Conversation): number {
  return activeAt(other) - activeAt(one) || (one.id < other.id ? 1 : -1)
}

/** The digits of an id, by their value. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** When an id was made: its first ten digits are the time. */
export function bornAt(id: string): number {
  let ms = 0
  for (const digit of id.slice(0, 10)) ms = ms * 32 + Math.max(0, DIGITS.indexOf(digit))
  return ms
}

/** The server's summary, joined with what is known from elsewhere. */
export function summarised(summary: ConvSummary, known: Conversation | undefined): Conversation {
  const fresh: Conversation = {
    id: summary.conv,
    kind: summary.kind,
    title: summary.title,
    peer: summary.peer,
    members: summary.members,
    rules: summary.rules,
    head: summary.head,
    n: summary.n,
    readSeq: summary.read_seq,
    readN: summary.n - summary.unread,
    told: summary.head,
    last: summary.last,
    mention: 0,
    pending: [],
  }
  if (!known) return fresh
  const newer = summary.head >= known.told ? fresh : known
  return {
    ...newer,
    ...furthest(fresh, known),
    last: newest(fresh.last, known.last),
    mention: known.mention,
    pending: known.pending,
  }
}

/** An event of the conversation's log. */
export function heard(conv: Conversation, event: Event, me: UserId): Conversation {
  const isMessage = is(event, 'msg.sent')
  const mine = isMessage && event.by === me
  // Who writes has read.
  const read = mine ? { readSeq: event.seq, readN: event.n } : {}
  const reach = furthest(conv, { head: event.seq, n: event.n, ...read })
  const known = { ...conv, ...reach, pending: mine ? without(conv.pending, event) : conv.pending }
  if (event.seq <= conv.told) return known
  const next = { ...known, told: event.seq }
  if (isMessage) {
    next.last = newest(conv.last, event)
    if (!mine && isMentioned(event.data, me)) next.mention = event.seq
  } else if (is(event, 'card.updated')) {
    next.last = conv.last && rewritten(conv.last, event)
  } else if (is(event, 'conv.members_changed')) {
    const { added = [], removed = [] } = event.data
    next.members += added.length - removed.length
  } else if (is(event, 'conv.updated')) {
    next.title = event.data.title
  } else if (is(event, 'conv.rules_changed')) {
    next.rules = event.data.rules
  }
  return next
}

/** The log has a message: it is no longer one that waits. */
function without(pending: readonly Pending[], { cid }: Event): readonly Pending[] {
  return pending.some(one => one.cid === cid) ? pending.filter(one => one.cid !== cid) : pending
}

/** What the server says of it after a reconnect. */
export function paged(conv: Conversation, page: TopicPage): Conversation {
  const read = page.read_seq === undefined ? {} : { readSeq: page.read_seq, readN: readN(page) }
  return { ...conv, ...furthest(conv, { head: page.head, n: page.n, ...read }) }
}

function readN(page: TopicPage): number {
  return page.n - (page.unread ?? page.n)
}

/** How far the person has read, as another device or an answer says. */
export function readTo(
  conv: Conversation,
  read: Pick<ConvReadData, 'read_seq' | 'read_n'>,
): Conversation {
  if (read.read_seq <= conv.readSeq && read.read_n <= conv.readN) return conv
  return { ...conv, ...furthest(conv, { readSeq: read.read_seq, readN: read.read_n }) }
}

type Reach = Pick<Conversation, 'head' | 'n' | 'readSeq' | 'readN'>

/** None of these ever goes back. */
function furthest(one: Reach, other: Partial<Reach>): Reach {
  return {
    head: Math.max(one.head, other.head ?? 0),
    n: Math.max(one.n, other.n ?? 0),
    readSeq: Math.max(one.readSeq, other.readSeq ?? 0),
    readN: Math.max(one.readN, other.readN ?? 0),
  }
}

function newest(one: Event | undefined, other: Event | undefined): Event | undefined {
  return (other?.seq ?? 0) > (one?.seq ?? 0) ? other : one
}
