/** A message as a row shows it, from the log or still on its way there. */

import type { Card, Cid, ErrorBody, Event, UserId } from '@carillon/client'
import { is } from './event.ts'
import type { Pending } from './pending.ts'

/** The data of a message, of which nobody knows what a newer server puts there. */
interface Said {
  readonly kind?: unknown
  readonly title?: unknown
  readonly text?: unknown
  readonly alt?: unknown
  readonly mentions?: unknown
  readonly everybody?: unknown
  readonly card?: unknown
  readonly owner?: unknown
}

/** What is more than a text. */
export type Rich =
  | { readonly kind: 'markdown'; readonly title: string | undefined; readonly text: string }
  | {
      readonly kind: 'card'
      readonly card: Card
      /** The plugin that it belongs to, if it is one's. */
      readonly owner: string | undefined
    }

export interface Message {
  /** The same before and after the log has it, so that its row stays. */
  readonly key: string
  readonly by: UserId
  readonly at: number
  /** What it says, as it can be copied. Absent if it is withheld or of an unknown kind. */
  readonly text: string | undefined
  /** Whether it was changed at a time that the person may not see. */
  readonly withheld: boolean
  /** Absent of a text. */
  readonly rich: Rich | undefined
  readonly mentions: readonly UserId[]
  /** Whether it mentions everybody who is there. */
  readonly everybody: boolean
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
  const data: Said = event.data
  const rich = richOf(data)
  const text = rich?.kind === 'card' ? wordsOf(rich.card) : (textOf(data.text) ?? data.alt)
  const message: Message = {
    // Others could choose a `cid` that is in use.
    key: event.by === me ? (event.cid ?? event.id) : event.id,
    by: event.by,
    at: event.at,
    text: textOf(text),
    withheld: data.kind === 'withheld',
    rich,
    mentions: Array.isArray(data.mentions) ? data.mentions : [],
    everybody: data.everybody === true,
    seq: event.seq,
    cid: undefined,
    state: 'sent',
    refused: undefined,
  }
  OF_EVENTS.set(event, message)
  return message
}

function textOf(text: unknown): string | undefined {
  return typeof text === 'string' ? text : undefined
}

/** What is more than a text, as far as this version knows it. */
function richOf(data: Said): Rich | undefined {
  if (data.kind === 'markdown' && typeof data.text === 'string') {
    return { kind: 'markdown', title: textOf(data.title), text: data.text }
  }
  if (data.kind === 'card' && typeof data.card === 'object' && data.card !== null) {
    return { kind: 'card', card: data.card as Card, owner: textOf(data.owner) }
  }
  return undefined
}

/** A card in words. */
function wordsOf(card: Card): string {
  const items = card.items?.map(item => item.title) ?? []
  const fields = card.fields?.map(({ label, value }) => (label ? `${label}: ${value}` : value))
  const words = [card.title, card.text, ...items, ...(fields ?? []), card.note]
  return words.filter(words => words !== undefined).join('\n')
}

/** What stands for a message where there is room for one line. */
export interface Line {
  readonly text: string
  /** Whether it is Markdown, and not yet as people read it. */
  readonly markdown: boolean
}

/** A message in one line; `undefined` if it says nothing. */
export function lineOf({ text, rich }: Message): Line | undefined {
  const title = rich?.kind === 'markdown' ? rich.title : rich?.card.title
  if (title !== undefined) return { text: title, markdown: false }
  return text === undefined ? undefined : { text, markdown: rich !== undefined }
}

/** An own message that the log does not have yet. */
export function messageOfPending(pending: Pending, me: UserId): Message {
  const known = OF_PENDING.get(pending)
  if (known) return known
  const { cid, text, mentions, everybody, at, refused, landing } = pending
  const state = refused ? 'refused' : landing ? 'landing' : 'queued'
  const message: Message = {
    key: cid,
    by: me,
    at,
    text,
    withheld: false,
    rich: undefined,
    mentions,
    everybody,
    seq: undefined,
    cid,
    state,
    refused,
  }
  OF_PENDING.set(pending, message)
  return message
}
