/** The messages of one conversation, as far as they are held, and what is done with them. */

import type { CardValue, Cid, ConvId, Event, UserId } from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import { type Conversation, unread } from './conversation.ts'
import type { Door } from './door.ts'
import { is } from './event.ts'
import { Members } from './members.ts'
import type { Reading } from './reading.ts'
import { Receipts } from './receipts.ts'
import { Changes } from './rewritten.ts'
import {
  around,
  ask,
  followed as following,
  newer,
  newest,
  older,
  type Stretch,
  trimmed,
} from './stretch.ts'

/** Which part is being read from the log. */
export type Part = 'whole' | 'older' | 'newer'

/** What the person has not read and may jump to. */
export interface Missed {
  /** Messages after this position. */
  readonly after: number
  readonly count: number
}

export interface TalkState {
  /** Changes when the stretch is another one, not the same one grown. */
  readonly generation: number
  readonly stretch: Stretch | undefined
  readonly loading: Part | undefined
  readonly failed: { readonly part: Part; readonly error: unknown } | undefined
  /** Messages of others after this position are marked as new. */
  readonly newAfter: number | undefined
  readonly missed: Missed | undefined
  /** Where the screen is to go: a position, or the newest message. */
  readonly target: { readonly to: number | 'newest' } | undefined
  /** The newest message of somebody else that came while the conversation was open. */
  readonly said: Event | undefined
}

const NOTHING: TalkState = {
  generation: 0,
  stretch: undefined,
  loading: undefined,
  failed: undefined,
  newAfter: undefined,
  missed: undefined,
  target: undefined,
  said: undefined,
}

export class Talk {
  readonly state = createStore<TalkState>(() => NOTHING)
  readonly receipts: Receipts
  readonly members: Members
  readonly reading: Reading
  readonly #door: Door
  readonly #conv: ConvId
  readonly #me: UserId
  /** Whose answer counts: another whole stretch makes what is on its way useless. */
  #turn = 0
  readonly #changes = new Changes()
  #head = 0
  #open = false
  #present = true

  constructor(door: Door, conv: ConvId, me: UserId, reading: Reading) {
    this.#door = door
    this.#conv = conv
    this.#me = me
    this.reading = reading
    this.receipts = new Receipts(door, conv)
    this.members = new Members(door, conv)
  }

  /** The person opens it, with so much unread. */
  open(conv: Conversation): void {
    this.#open = true
    this.#markNew(conv.readSeq, unread(conv))
    const { stretch, loading } = this.state.getState()
    if (!stretch && loading !== 'whole') void this.newest()
    else if (stretch && !stretch.live) void this.newest()
    else this.state.setState({ target: { to: 'newest' } })
  }

  /** The person goes somewhere else. */
  close(): void {
    this.#open = false
    this.receipts.watch([])
    const { stretch } = this.state.getState()
    if (stretch?.live) this.#hold(trimmed(stretch, stretch.to))
    this.state.setState({ newAfter: undefined, missed: undefined, said: undefined })
  }

  /** Whether the person is before the screen: what comes meanwhile is marked as new. */
  present(is: boolean): void {
    this.#present = is
  }

  /** An event of the log; `before` is the conversation as it was without it. */
  heard(event: Event, before: Conversation): void {
    if (is(event, 'conv.members_changed')) this.members.changed(this.#open)
    if (is(event, 'msg.sent') && event.by !== this.#me && this.#open) {
      if (!this.#present) this.#countNew(event, before)
      this.state.setState({ said: event })
    }
    const { stretch } = this.state.getState()
    const isNews = this.#changes.heard(event)
    const followed = stretch && following(stretch, event)
    const next = isNews && followed ? this.#changes.made(followed) : followed
    // While it is open the screen says what may be given up.
    if (next && next !== stretch) this.#hold(this.#open ? next : trimmed(next, next.to))
    this.#readAgain()
    this.reaches(event.seq)
  }

  /** Somebody left the organisation, or came back. */
  movedOn(user: UserId): void {
    this.members.movedOn(user, this.#open)
  }

  /** The log goes so far. */
  reaches(head: number): void {
    this.#head = Math.max(this.#head, head)
    this.#catchUp()
  }

  /** Reads the end of the log and goes there. */
  async newest(): Promise<void> {
    if (this.state.getState().stretch?.live) return this.#go('newest')
    await this.#read('whole', async () => {
      const page = await this.#log(ask.newest())
      return () => this.#replace(newest(page), 'newest')
    })
  }

  /** Goes to the first message after a position; reads what is around it if it is not held. */
  async jump(after: number): Promise<void> {
    this.state.setState({ missed: undefined })
    const { stretch } = this.state.getState()
    if (stretch && stretch.from <= after + 1 && after < stretch.to) return this.#go(after)
    await this.#read('whole', async () => {
      const [before, from] = ask.around(after + 1)
      const pages = await Promise.all([this.#log(before), this.#log(from)])
      return () => this.#replace(around(after + 1, ...pages), after)
    })
  }

  async older(): Promise<void> {
    const { stretch, loading, failed } = this.state.getState()
    if (!stretch || stretch.atStart || loading || failed?.part === 'older') return
    await this.#read('older', async () => {
      const page = await this.#log(ask.older(stretch))
      return () => this.#grow(now => older(now, page))
    })
  }

  async newer(): Promise<void> {
    const { stretch, loading, failed } = this.state.getState()
    if (!stretch || loading || failed?.part === 'newer') return
    await this.#read('newer', async () => {
      const page = await this.#log(ask.newer(stretch))
      return () => {
        this.#grow(now => newer(now, page))
        // The log does not go as far as was said: a backup was restored.
        if (!page.more) this.#head = Math.min(this.#head, this.state.getState().stretch?.to ?? 0)
      }
    })
  }

  /** Does again what failed. */
  async again(): Promise<void> {
    const { failed, newAfter } = this.state.getState()
    this.state.setState({ failed: undefined })
    if (failed?.part === 'older') return this.older()
    if (failed?.part === 'newer') return this.newer()
    return newAfter === undefined ? this.newest() : this.jump(newAfter)
  }

  /** The eyes are here: what is far from them may be given up. */
  trim(seq: number): void {
    const { stretch, loading } = this.state.getState()
    if (stretch && !loading) this.#hold(trimmed(stretch, seq))
  }

  /** The screen has gone where it was to go. */
  arrived(): void {
    this.state.setState({ target: undefined })
  }

  /** The first new message was on the screen, or is not wanted. */
  caughtUp(): void {
    this.state.setState({ missed: undefined })
  }

  /** Whether the log that is held has this message. */
  has(cid: Cid): boolean {
    const events = this.state.getState().stretch?.events ?? []
    return events.some(event => event.cid === cid && event.by === this.#me)
  }

  #markNew(after: number, count: number): void {
    const none = count === 0
    this.state.setState({
      newAfter: none ? undefined : after,
      missed: none ? undefined : { after, count },
    })
  }

  /** Something was said while nobody is there; the first of it is where one reads on. */
  #countNew(event: Event, before: Conversation): void {
    const count = unread(before) + 1
    const { missed, newAfter } = this.state.getState()
    if (count === 1) this.#markNew(event.seq - 1, count)
    else if (missed) this.state.setState({ missed: { ...missed, count } })
    // The person turned away before the last ones were read.
    else if (newAfter === undefined) this.#markNew(before.readSeq, count)
  }

  #go(to: number | 'newest'): void {
    this.state.setState({ target: { to } })
  }

  #log(window: ReturnType<typeof ask.newest>) {
    return this.#door.call('log.read', { topic: `c:${this.#conv}`, ...window })
  }

  /** Presses a button of a card, or sends its form. */
  async act(seq: number, act: string, values: Record<string, CardValue>): Promise<void> {
    await this.#door.call('card.act', { conv: this.#conv, seq, act, values })
  }

  /** What `read` brings is applied, unless another log is wanted by then. */
  async #read(part: Part, read: () => Promise<() => void>): Promise<void> {
    if (part === 'whole') this.#turn += 1
    const turn = this.#turn
    this.state.setState({ loading: part, failed: undefined })
    try {
      const apply = await read()
      if (turn !== this.#turn) return
      apply()
    } catch (error) {
      if (turn === this.#turn) this.state.setState({ loading: undefined, failed: { part, error } })
      return
    }
    this.#catchUp()
  }

  /** Whoever follows the log must not stay behind it. */
  #catchUp(): void {
    const { stretch, loading, failed } = this.state.getState()
    if (stretch?.live && this.#head > stretch.to && !loading && !failed) void this.newer()
  }

  #replace(stretch: Stretch, to: number | 'newest'): void {
    const { generation } = this.state.getState()
    this.state.setState({
      generation: generation + 1,
      stretch: this.#changes.made(stretch),
      loading: undefined,
      target: { to },
    })
    this.#readAgain()
  }

  #grow(grown: (stretch: Stretch) => Stretch): void {
    const { stretch } = this.state.getState()
    if (!stretch) return
    this.state.setState({ stretch: this.#changes.made(grown(stretch)), loading: undefined })
    this.#readAgain()
  }

  /** Reads the messages again that say something else, of which was not told what. */
  #readAgain(): void {
    const { stretch } = this.state.getState()
    if (!stretch) return
    for (const seq of this.#changes.toRead(stretch)) void this.#readOne(seq)
  }

  async #readOne(seq: number): Promise<void> {
    const page = await this.#log({ after: seq - 1, limit: 1 }).catch(() => undefined)
    // Without an answer it stays as it was until there is news of the conversation.
    this.#changes.read(seq, page?.events[0])
    const { stretch } = this.state.getState()
    if (stretch) this.#hold(this.#changes.made(stretch))
  }

  #hold(stretch: Stretch): void {
    if (stretch !== this.state.getState().stretch) this.state.setState({ stretch })
  }
}
