/** A server that the tests play: one conversation's log and one person's cursor, in memory. */

import {
  CarillonError,
  type ConvReadDone,
  type ConvSummary,
  type Event,
  type LogPage,
  type Queued,
  type TopicPage,
  type Update,
  type UserId,
} from '@carillon/client'
import type { Door } from './door.ts'

export const ME: UserId = '01ARZ3NDEKTSV4RRFFQ69G5FA0'
export const BOB: UserId = '01ARZ3NDEKTSV4RRFFQ69G5FA1'
export const CONV = '01ARZ3NDEKTSV4RRFFQ69G5FAC'
/** 09:00 on 20 November 2026 in Hong Kong. */
export const NINE = Date.UTC(2026, 10, 20, 1)
const MINUTE_MS = 60_000

type Calls = Partial<Record<string, (args: never) => unknown>>

/** What happened on the server, and what it told this client of it. */
export class PlayedServer {
  readonly log: Event[] = []
  readSeq = 1
  outbox: Queued[] = []
  /** Every call, in order. */
  readonly calls: { op: string; args: unknown }[] = []
  /** Whether calls wait for `answer`. */
  held = false
  /** Answers given instead of the usual ones. */
  readonly instead: Calls = {}
  #listener: (update: Update) => void = () => {}
  #waiting: (() => void)[] = []

  constructor() {
    const data = { kind: 'group', title: 'Central', history: 'all', members: [ME, BOB] }
    this.append('conv.created', data, { by: BOB })
  }

  get head(): number {
    return this.log.length
  }

  get n(): number {
    return this.log.at(-1)?.n ?? 0
  }

  get readN(): number {
    return this.log[this.readSeq - 1]?.n ?? 0
  }

  get unread(): number {
    return this.n - this.readN
  }

  /** Adds an event to the log, without telling anybody. */
  append(k: string, data: unknown, more: Partial<Event> = {}): Event {
    const seq = this.head + 1
    const n = this.n + (k === 'msg.sent' ? 1 : 0)
    const at = NINE + seq * MINUTE_MS
    const event = { topic: `c:${CONV}`, seq, n, k, id: `event-${seq}`, by: BOB, at, data, ...more }
    this.log.push(event as Event)
    if (k === 'msg.sent' && event.by === ME) this.readSeq = seq
    return event as Event
  }

  say(text: string, more: Partial<Event> = {}, mentions: UserId[] = []): Event {
    return this.append('msg.sent', { kind: 'text', text, mentions, rev: this.head + 1 }, more)
  }

  /** Tells this client. */
  tell(...updates: Update[]): void {
    for (const update of updates) this.#listener(update)
  }

  hear(event: Event): Update {
    return { kind: 'event', event }
  }

  page(): Update {
    const page: TopicPage = {
      topic: `c:${CONV}`,
      head: this.head,
      n: this.n,
      read_seq: this.readSeq,
      unread: this.unread,
      last: [],
    }
    return { kind: 'topic', page }
  }

  read(): Update {
    const data = { user: ME, read_seq: this.readSeq, read_n: this.readN, unread: this.unread }
    return { kind: 'ephemeral', ephemeral: { k: 'read', topic: `c:${CONV}`, data } }
  }

  /** Who may call everybody, as the group and its organisation allow it. */
  rules: ConvSummary['rules']

  summary(): ConvSummary {
    const last = this.log.findLast(event => event.k === 'msg.sent')
    return {
      conv: CONV,
      kind: 'group',
      title: 'Central',
      head: this.head,
      n: this.n,
      read_seq: this.readSeq,
      unread: this.unread,
      members: 2,
      ...(this.rules ? { rules: this.rules } : {}),
      ...(last ? { last } : {}),
    }
  }

  /** Lets the calls through that are held. */
  async release(): Promise<void> {
    for (const go of this.#waiting.splice(0)) go()
    await settled()
  }

  readonly door: Door = Object.defineProperty(
    {
      listen: (listener: (update: Update) => void) => {
        this.#listener = listener
        return () => {}
      },
      call: async (op: string, args: never) => {
        this.calls.push({ op, args })
        // What the server sees is what there is when it gets to it.
        const answer = () => this.#answer(op, args)
        if (!this.held) return answer()
        const answered = answer()
        await new Promise<void>(go => this.#waiting.push(go))
        return answered
      },
    } as unknown as Door,
    'outbox',
    { get: () => this.outbox },
  )

  #answer(op: string, args: never): unknown {
    const instead = this.instead[op]
    if (instead) return instead(args)
    const usual: Calls = {
      'conv.list': () => ({ convs: [this.summary()], more: false }),
      'conv.get': () => this.summary(),
      'conv.read': (read: { seq: number }) => this.#read(read),
      'log.read': (window: Window) => this.#log(window),
      'msg.list': () => ({ events: this.log.filter(event => event.k === 'msg.sent'), more: false }),
      'receipt.watch': () => ({ counts: [] }),
      'org.member.get': () => ({ members: [] }),
    }
    const answer = usual[op]
    if (!answer) throw refused('E_UNKNOWN_OP')
    return answer(args)
  }

  #read({ seq }: { seq: number }): ConvReadDone {
    this.readSeq = Math.max(this.readSeq, seq)
    return { read_seq: this.readSeq, read_n: this.readN, unread: this.unread }
  }

  #log({ topic, before, after = 0, limit = 50 }: Window): LogPage {
    if (topic !== `c:${CONV}`) return { events: [], head: 0, floor: 1, more: false }
    const isBefore = before !== undefined
    const all = this.log.filter(({ seq }) => (isBefore ? seq < before : seq > after))
    const events = isBefore ? all.slice(-limit) : all.slice(0, limit)
    return { events, head: this.head, floor: 1, more: events.length < all.length }
  }
}

type Window = { topic: string; before?: number; after?: number; limit?: number }

export function refused(code: 'E_UNKNOWN_OP' | 'E_UNAVAILABLE' | 'E_NOT_MEMBER'): CarillonError {
  return new CarillonError({ code, msg: 'refused by the test', retry: 'no' })
}

/** Waits until everything that can happen without the outside has happened. */
export async function settled(): Promise<void> {
  await new Promise(done => setImmediate(done))
}

/** The same random numbers every time. */
export function randomly(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
}
