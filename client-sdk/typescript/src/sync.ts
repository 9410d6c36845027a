/**
 * What the client holds: for each topic the position up to which it has every event.
 *
 * A state machine without I/O or clock: frames and answers go in, effects come out. One rule
 * covers gaps, `dirty`, the catch-up after a reconnect and a program that reads its events too
 * slowly: what is known to exist and not held is read from the log, in order.
 */

import { Held } from './held.ts'
import {
  type Event,
  type EventData,
  LIMITS,
  type LogPage,
  type LogRead,
  type ServerFrame,
  type Topic,
  type TopicPage,
  type UserId,
} from './protocol.ts'

/** A missing event may still be on its way: it is asked for after so long. */
export const GAP_MS = 500
/** After a failed read of the log, the next try. */
export const READ_AGAIN_MS = 5_000
/** Events of one topic that wait for an earlier one; more are read from the log later. */
export const EARLY_MAX = 100
/** Events of all topics together that wait for an earlier one: bounds the memory. */
export const EARLY_TOTAL_MAX = 1_000
/** Reads of the log at the same time; the rest of the calls in flight is the program's. */
export const READS_MAX = 4
/** The log is asked only when the program's queue takes a whole page. */
const PAGE_LENGTH = LIMITS.EVENTS_PER_PAGE_MAX

/** What the client does next. */
export type Effect =
  /** An event, in its turn. */
  | { do: 'deliver'; event: Event }
  /** The topic's story begins after `seq`: what came before is history, or void if `reset`. */
  | { do: 'start'; topic: Topic; seq: number; reset: boolean }
  /** There is no such topic for this person (any more). */
  | { do: 'forget'; topic: Topic }
  /** Ask the log; the answer goes to `Sync.read`. */
  | { do: 'read'; read: LogRead }
  /** Events that the server had left out are there. */
  | { do: 'repaired'; topic: Topic }
  /** Everything up to this token is delivered; `again` if it was before on this connection. */
  | { do: 'synced'; token: string; again: boolean }

/** How a read of the log ended. */
export type Read =
  | { page: LogPage }
  /** The topic is not the caller's to know of (any more). */
  | 'gone'
  /** Try again later. */
  | 'failed'

/** The state of all topics. */
export class Sync {
  /** Who the client is; known before the first frame. */
  me: UserId | undefined
  /** The events that wait for an earlier one, of all topics. */
  earlyTotal = 0
  readonly #topics = new Map<Topic, Held>()
  /** Topics with `want > have`, or whose story has no beginning yet. */
  readonly #behind = new Set<Topic>()
  #token: string | undefined
  /** The server's new token, until nothing is behind. */
  #nextToken: string | undefined
  /** The client never caught up before: what exists is history. */
  #first: boolean
  /** The client caught up on this connection. */
  #inStep = false
  /** How many more events the program's queue takes. */
  #room = 0
  #effects: Effect[] = []

  /** Goes on from what was held before; nothing at the first start. */
  constructor(token: string | undefined, have: Record<string, number>) {
    for (const [topic, seq] of Object.entries(have)) {
      this.#topics.set(topic as Topic, new Held(seq, 0))
    }
    this.#token = token
    this.#first = token === undefined
  }

  /** For the next `hello`. */
  get token(): string | undefined {
    return this.#token
  }

  /** The server does not know the token: the next `hello` goes without one. */
  forgetToken(): void {
    this.#token = undefined
  }

  /** The connection is gone, and with it what it had promised. */
  offline(): void {
    this.#nextToken = undefined
    this.#inStep = false
    for (const held of this.#topics.values()) held.heard = false
  }

  /** Takes a frame; `room` is how many events the program's queue takes. */
  apply(frame: ServerFrame, now: number, room: number): Effect[] {
    this.#room = room
    switch (frame.t) {
      case 'ev': {
        const { t: _, ...event } = frame
        this.#event(event, now)
        break
      }
      case 'dirty':
        for (const [topic, head] of frame.topics) this.#leftOut(topic, head, now)
        break
      case 'page':
        for (const page of frame.topics) this.#page(page, now)
        break
      case 'synced':
        if (this.#token === undefined && !this.#inStep) this.#forgetUnheard(now)
        this.#nextToken = frame.sync
        break
    }
    return this.#poll(now)
  }

  /** Takes the answer of the log. */
  read(topic: Topic, read: Read, now: number, room: number): Effect[] {
    this.#room = room
    const held = this.#topics.get(topic)
    if (read === 'gone' && held?.stale) this.#outdated(topic, held, now)
    else if (read === 'gone') this.#forget(topic)
    else if (read !== 'failed') this.#logPage(topic, read.page, now)
    else if (held) {
      held.reading = undefined
      held.stale = false
      held.due = now + READ_AGAIN_MS
    }
    return this.#poll(now)
  }

  /** Asks the log for what is due. */
  tick(now: number, room: number): Effect[] {
    this.#room = room
    return this.#poll(now)
  }

  /** When `tick` has something to do. */
  due(room: number): number | undefined {
    if (room < PAGE_LENGTH || this.#reads() >= READS_MAX) return undefined
    let due: number | undefined
    for (const held of this.#heldBehind()) {
      if (held.reading === undefined && (due === undefined || held.due < due)) due = held.due
    }
    return due
  }

  #heldBehind(): Held[] {
    return [...this.#behind].flatMap(topic => this.#topics.get(topic) ?? [])
  }

  #reads(): number {
    return this.#heldBehind().filter(held => held.reading !== undefined).length
  }

  #event(event: Event, now: number): void {
    const held = this.#topic(event.topic, event, now)
    this.#keepEarly(held, event)
    if (event.seq > held.want) {
      if (held.want <= held.have) held.due = now + GAP_MS
      held.want = event.seq
    }
    this.#settle(event.topic, held, now)
  }

  /** The server has left out events up to `head`. */
  #leftOut(topic: Topic, head: number, now: number): void {
    const held = this.#topic(topic, undefined, now)
    held.dirty = true
    held.want = Math.max(held.want, head)
    held.due = now
    this.#settle(topic, held, now)
  }

  /**
   * The state of a topic; makes one when it is first heard of. What comes with `first` is news,
   * and so is all since this person joined, which only the log may know.
   */
  #topic(topic: Topic, first: Event | undefined, now: number): Held {
    let held = this.#topics.get(topic)
    if (!held) {
      const begins = this.#begins(topic, first)
      held = new Held(begins ?? 0, now)
      if (begins === undefined) held.joining = LIMITS.INT_MAX
      this.#topics.set(topic, held)
    }
    held.heard = true
    return held
  }

  /** After which position the news of an unknown topic begin, if that is known. */
  #begins(topic: Topic, first: Event | undefined): number | undefined {
    const before = first && Math.max(0, first.seq - 1)
    if (topic.startsWith('u:')) return 0
    if (topic.startsWith('c:')) return first && this.#admits(first) ? before : undefined
    return before
  }

  /** Keeps an event for its turn, if it is new and there is a place for it. */
  #keepEarly(held: Held, event: Event): void {
    const next = held.joining === undefined && event.seq === held.have + 1
    const full = held.early.size >= EARLY_MAX || this.earlyTotal >= EARLY_TOTAL_MAX
    // An answer on its way may be from before this person came back.
    if (event.seq > held.have && this.#admits(event)) held.stale = held.reading !== undefined
    if (event.seq <= held.have || held.early.has(event.seq) || (full && !next)) return
    held.early.set(event.seq, event)
    this.earlyTotal += 1
  }

  #dropEarly(held: Held): void {
    this.earlyTotal -= held.early.size
    held.early.clear()
  }

  #logPage(topic: Topic, page: LogPage, now: number): void {
    const held = this.#topics.get(topic)
    const asked = held?.reading
    if (!held || asked === undefined) return
    if (held.stale) {
      this.#outdated(topic, held, now)
      return
    }
    held.reading = undefined
    held.due = now
    if (held.joining !== undefined) {
      this.#lookForBeginning(topic, held, page, asked, now)
    } else {
      this.#takePage(topic, held, page, asked, now)
    }
  }

  /** The answer to a question that was asked too early: it is asked again. */
  #outdated(topic: Topic, held: Held, now: number): void {
    held.reading = undefined
    held.stale = false
    held.due = now
    this.#settle(topic, held, now)
  }

  #takePage(topic: Topic, held: Held, page: LogPage, asked: number, now: number): void {
    for (const event of page.events) {
      if (event.seq <= held.have) continue
      // The rest is read again when the program has taken some.
      if (this.#room === 0) return
      this.#deliver(held, event)
    }
    // What the log does not show up to its end is not for this person.
    const complete = !page.more || page.events.length === 0
    if (complete) held.have = Math.max(held.have, page.head, asked)
    this.#settle(topic, held, now)
  }

  /** Looks in a page, and then in the one before, for the event with which this person came. */
  #lookForBeginning(topic: Topic, held: Held, page: LogPage, asked: number, now: number): void {
    const joined = page.events.findLast(event => this.#admits(event))
    const oldest = page.events[0]
    if (!joined && oldest && page.more) {
      held.joining = oldest.seq
      return
    }
    const first = joined ?? oldest
    held.have = first ? first.seq - 1 : Math.max(page.head, asked)
    held.joining = undefined
    this.#effects.push({ do: 'start', topic, seq: held.have, reset: false })
    this.#settle(topic, held, now)
  }

  /** Whether a person's time in a conversation begins with this event. */
  #admits({ k, data }: Event): boolean {
    if (k !== 'conv.members_changed') return k === 'conv.created'
    const added = (data as EventData['conv.members_changed'] | null)?.added
    return this.me !== undefined && Array.isArray(added) && added.includes(this.me)
  }

  #deliver(held: Held, event: Event): void {
    this.#room -= 1
    held.have = event.seq
    this.#effects.push({ do: 'deliver', event })
  }

  /** Delivers what is in its turn, and says whether the topic is behind. */
  #settle(topic: Topic, held: Held, now: number): void {
    if (held.joining === undefined) this.#deliverEarly(held, now)
    held.want = Math.max(held.want, held.have)
    if (held.joining !== undefined || held.want > held.have) {
      this.#behind.add(topic)
      return
    }
    this.#behind.delete(topic)
    if (held.dirty && this.#room > 0) {
      this.#room -= 1
      this.#effects.push({ do: 'repaired', topic })
    }
    held.dirty = false
  }

  #deliverEarly(held: Held, now: number): void {
    for (let next = held.early.get(held.have + 1); next; next = held.early.get(held.have + 1)) {
      if (this.#room === 0) {
        // The log keeps it: a slow program does not make the client grow.
        this.#dropEarly(held)
        held.due = now
        return
      }
      this.#deliver(held, next)
    }
    for (const seq of held.early.keys()) {
      if (seq <= held.have && held.early.delete(seq)) this.earlyTotal -= 1
    }
  }

  #forget(topic: Topic): void {
    const held = this.#topics.get(topic)
    this.#behind.delete(topic)
    if (!held) return
    this.#dropEarly(held)
    this.#topics.delete(topic)
    this.#effects.push({ do: 'forget', topic })
  }

  /** Asks the log for topics that are behind, and gives out the token when none is. */
  #poll(now: number): Effect[] {
    let reads = this.#reads()
    for (const topic of this.#behind) {
      if (reads >= READS_MAX || this.#room < PAGE_LENGTH) break
      const held = this.#topics.get(topic)
      if (!held || held.reading !== undefined || held.due > now) continue
      reads += 1
      held.reading = held.want
      const from = held.joining === undefined ? { after: held.have } : { before: held.joining }
      this.#effects.push({ do: 'read', read: { topic, ...from, limit: PAGE_LENGTH } })
    }
    if (this.#behind.size === 0 && this.#room > 0 && this.#nextToken !== undefined) {
      this.#room -= 1
      this.#first = false
      this.#token = this.#nextToken
      this.#nextToken = undefined
      this.#effects.push({ do: 'synced', token: this.#token, again: this.#inStep })
      this.#inStep = true
    }
    return this.#effects.splice(0)
  }

  /** A topic of the catch-up. */
  #page({ topic, head, last }: TopicPage, now: number): void {
    if (this.#first && !this.#topics.has(topic)) {
      const held = new Held(head, now)
      held.heard = true
      this.#topics.set(topic, held)
      this.#effects.push({ do: 'start', topic, seq: head, reset: false })
      return
    }
    const held = this.#topic(topic, last[0], now)
    if (held.want > head && this.#token === undefined) this.#setBack(topic, held, head)
    held.want = Math.max(held.want, head)
    held.due = now
    for (const event of last) this.#keepEarly(held, event)
    this.#settle(topic, held, now)
  }

  /** A backup was restored: the log is shorter than it was, and goes on with other events. */
  #setBack(topic: Topic, held: Held, head: number): void {
    this.#dropEarly(held)
    held.want = head
    held.stale = held.reading !== undefined
    if (held.have > head) {
      held.have = head
      this.#effects.push({ do: 'start', topic, seq: head, reset: true })
    }
  }

  /**
   * A catch-up without a token names every topic that is not empty: the others are gone, or are
   * empty again. What is heard of them later begins anew.
   */
  #forgetUnheard(now: number): void {
    for (const [topic, held] of [...this.#topics]) {
      if (held.heard) continue
      if (held.reading === undefined) {
        this.#forget(topic)
      } else {
        // The answer on its way must not be taken for one about the new beginning.
        this.#setBack(topic, held, 0)
        this.#settle(topic, held, now)
      }
    }
  }
}
