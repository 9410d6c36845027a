/**
 * The alerts that wait for the person's answer, put together from their own log and the server's
 * list. An alert goes away when the server says that it is over, or took the answer: never before.
 */

import {
  CarillonError,
  type Ding,
  type DingEndedData,
  type DingId,
  type Event,
  type Update,
  type UserId,
} from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from '../model/door.ts'
import { is } from '../model/event.ts'
import { Soon } from '../model/soon.ts'
import type { Answers, Written } from './answers.ts'

/** Several that come at once are acknowledged together. */
const TOGETHER_MS = 50
/** So many of the open ones are held, the newest; more than anybody looks at. */
const OPEN_MAX = 200
/** So long a call is heard. */
export const RINGS_MS = 60_000
/** So many can be acknowledged by one call. */
const RECEIVED_MAX = 100

/** What the person did, until the server has it. */
export type Answering = { state: 'sending' } | { state: 'failed'; error: unknown }

/** An alert that waits for an answer. */
export interface Call {
  /** Tells it apart: somebody may be called for several people by the same alert. */
  readonly key: string
  readonly ding: Ding
  /** Whether it makes a noise. */
  readonly sound: boolean
  /** How often it came: each time it is to be noticed anew. */
  readonly times: number
  /** Whether the person has put it aside; the next try brings it back. */
  readonly later: boolean
  readonly answering: Answering | undefined
}

interface Keyed {
  ding: DingId
  mine?: { instead_of?: UserId | undefined } | undefined
}

export interface AlertsState {
  /** The one that came first is the first. */
  readonly calls: readonly Call[]
  /** Whether the server has said which there are. */
  readonly known: boolean
}

export function keyOf({ ding, mine }: Keyed): string {
  return mine?.instead_of === undefined ? ding : `${ding} ${mine.instead_of}`
}

/** With an alert that has come, or has come again. */
export function called(calls: readonly Call[], ding: Ding, sound: boolean): readonly Call[] {
  const key = keyOf(ding)
  const before = calls.find(call => call.key === key)
  const times = (before?.times ?? 0) + 1
  const call = { key, ding, sound, times, later: false, answering: before?.answering }
  if (!before) return [...calls, call]
  return calls.map(other => (other.key === key ? call : other))
}

/**
 * As the server lists those that are open. What was heard of since it was asked is known better.
 *
 * @param listed the newest first
 * @param loud those that made a noise a moment ago
 */
export function listed(
  calls: readonly Call[],
  listed: readonly Ding[],
  heard: ReadonlySet<DingId>,
  loud: ReadonlySet<string> = new Set(),
): readonly Call[] {
  const there = new Map(calls.map(call => [call.key, call]))
  const fresh = listed
    .filter(({ ding }) => !heard.has(ding))
    .map((ding): Call => {
      const key = keyOf(ding)
      const before = there.get(key)
      const first = { key, sound: loud.has(key), times: 1, later: false, answering: undefined }
      if (!before) return { ...first, ding }
      return { ...before, ding, sound: before.sound || loud.has(key) }
    })
  const shown = new Set(fresh.map(({ key }) => key))
  const open = new Set(listed.map(({ ding }) => ding))
  // Of those whom the person was called for the list names one: the others are known by the calls.
  const kept = calls.filter(({ key, ding }) => {
    const isOther = ding.mine?.instead_of !== undefined && open.has(ding.ding)
    return heard.has(ding.ding) || (isOther && !shown.has(key))
  })
  return [...fresh, ...kept].sort((one, other) => one.ding.at - other.ding.at)
}

type Hearing = Pick<Door, 'call' | 'listen'>

export class Alerts {
  readonly state = createStore<AlertsState>(() => ({ calls: [], known: false }))
  /** What is being answered, also after the page was loaded again. */
  readonly answers: Answers
  readonly #door: Hearing
  /** What has come while the list was asked for; absent while it is not. */
  #heard: Set<DingId> | undefined
  /** What was acknowledged, on this device: each once. */
  readonly #received = new Set<DingId>()
  readonly #waiting = new Set<DingId>()
  readonly #soon = new Soon(() => this.#receive())
  readonly #again = new Soon(() => void this.#load())
  /** What rang while the app was being opened: whoever opens it because of that is to hear it. */
  readonly #loud = new Set<string>()
  /** What comes before the catch-up has ended may be over: the list says what is not. */
  #live = false

  constructor(door: Hearing, answers: Answers) {
    this.#door = door
    this.answers = answers
    door.listen(update => this.#hear(update))
    void this.#load()
  }

  /** Puts an alert aside until it comes again. */
  later(key: string): void {
    this.#change(key, { later: true })
  }

  /** Brings those back that were put aside, or one of them before all. */
  show(key?: string): void {
    const { calls } = this.state.getState()
    const wanted = calls.filter(call => key === undefined || call.key === key)
    const rest = calls.filter(call => !wanted.includes(call))
    const back = wanted.map(call => ({ ...call, later: false }))
    this.state.setState({ calls: [...back, ...rest] })
  }

  confirm(call: Call, reply = ''): Promise<boolean> {
    return this.#answer(call, { what: 'reply', words: reply })
  }

  decline(call: Call, reason: string): Promise<boolean> {
    return this.#answer(call, { what: 'reason', words: reason })
  }

  /** It stands on a screen that somebody looks at. */
  seen({ ding, mine }: Ding): void {
    if (mine && mine.state !== 'queued' && mine.state !== 'delivered') return
    // What is not told now is told by the next look, or by the answer.
    this.#door.call('ding.seen', { ding }).catch(() => {})
  }

  /**
   * While there is no connection the call waits, and the alert stays and says so. The server takes
   * the same answer any number of times, so what may be lost is given again.
   */
  async #answer({ key, ding }: Call, said: Omit<Written, 'given'>): Promise<boolean> {
    this.answers.keep(key, { ...said, given: true })
    this.#change(key, { answering: { state: 'sending' } })
    try {
      await this.#give(ding, said)
      this.answers.forget(key)
      this.#set(calls => calls.filter(call => call.key !== key))
      return true
    } catch (error) {
      // What was refused is the person's to change.
      if (isRefused(error)) this.answers.keep(key, { ...said, given: false })
      this.#change(key, { answering: { state: 'failed', error }, later: false })
      return false
    }
  }

  #give({ ding, mine }: Ding, { what, words }: Omit<Written, 'given'>): Promise<unknown> {
    if (what === 'reason') return this.#door.call('ding.decline', { ding, reason: words })
    const reply = words || undefined
    // Whoever was called for several people takes care of all of them.
    const whose = mine?.others ? { others: true } : { instead_of: mine?.instead_of }
    return this.#door.call('ding.confirm', { ding, reply, ...whose })
  }

  /** Gives what was answered before the page was loaded again, or did not reach the server. */
  #giveAgain(): void {
    for (const call of this.state.getState().calls) {
      const written = this.answers.get(call.key)
      if (written?.given && call.answering?.state !== 'sending') void this.#answer(call, written)
    }
  }

  #hear(update: Update): void {
    if (update.kind === 'connection' && update.connection.state !== 'online') this.#live = false
    if (update.kind === 'synced') {
      this.#live = true
      void this.#load()
    }
    if (update.kind === 'topic') for (const event of update.page.last) this.#early(event)
    if (update.kind !== 'event') return
    const { event } = update
    if (!this.#live) this.#early(event)
    else if (is(event, 'ding.called')) {
      const { ding, sound } = event.data
      this.#heard?.add(ding.ding)
      this.#set(calls => called(calls, ding, sound))
      this.#acknowledge(ding.ding)
    }
    if (is(event, 'ding.ended')) this.#ended(event.data)
  }

  /** Notes what rings while the app is being opened; which alerts are open the list says. */
  #early(event: Event): void {
    if (!is(event, 'ding.called') || !event.data.sound) return
    if (Date.now() - event.at < RINGS_MS) this.#loud.add(keyOf(event.data.ding))
  }

  /** It is over for the person, or for the one whom they were called for. */
  #ended({ ding, instead_of }: DingEndedData): void {
    const key = keyOf({ ding, mine: { instead_of } })
    // The person may have been called for others too, whom the list names only after their own.
    this.#again.in(TOGETHER_MS)
    this.#heard?.add(ding)
    this.#loud.delete(key)
    this.answers.forget(key)
    this.#set(calls => calls.filter(call => call.key !== key))
  }

  async #load(): Promise<void> {
    if (this.#heard) return this.#again.in(TOGETHER_MS)
    const heard = new Set<DingId>()
    this.#heard = heard
    try {
      const { dings } = await this.#door.call('ding.list', { which: 'open', limit: OPEN_MAX })
      const calls = listed(this.state.getState().calls, dings, heard, this.#loud)
      this.state.setState({ calls, known: true })
      for (const { ding } of dings) this.#acknowledge(ding)
      this.#giveAgain()
    } catch {
      // The client has ended, or the server has no such operation: the next catch-up asks again.
    } finally {
      this.#heard = undefined
    }
  }

  #acknowledge(ding: DingId): void {
    if (this.#received.has(ding)) return
    this.#received.add(ding)
    this.#waiting.add(ding)
    this.#soon.in(TOGETHER_MS)
  }

  #receive(): void {
    const dings = [...this.#waiting].slice(0, RECEIVED_MAX)
    for (const ding of dings) this.#waiting.delete(ding)
    this.#door.call('ding.received', { dings }).catch(() => {
      for (const ding of dings) this.#received.delete(ding)
    })
    if (this.#waiting.size > 0) this.#soon.in(TOGETHER_MS)
  }

  #change(key: string, change: Partial<Call>): void {
    this.#set(calls => calls.map(call => (call.key === key ? { ...call, ...change } : call)))
  }

  #set(change: (calls: readonly Call[]) => readonly Call[]): void {
    this.state.setState(({ calls }) => ({ calls: change(calls) }))
  }
}

/** Whether the server does not take it, rather than nobody knowing whether it did. */
function isRefused(error: unknown): boolean {
  return error instanceof CarillonError && error.retry === 'no' && error.code !== 'E_STOPPED'
}
