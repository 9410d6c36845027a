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
import { type Answers, keyed, type Written } from './answers.ts'

/** Several that come at once are acknowledged together. */
const TOGETHER_MS = 50
/** So many of the open ones are held, the newest; more than anybody looks at. */
const OPEN_MAX = 200
/** So long a call is heard. */
export const RINGS_MS = 60_000
/** So many can be acknowledged by one call. */
const RECEIVED_MAX = 100
/** So long after an answer did not reach the server it is given again. */
export const AGAIN_MS = 15_000

/** What the person did, until the server has it; `again` says that it is still given. */
export type Answering = { state: 'sending' } | { state: 'failed'; error: unknown; again: boolean }

/** What the person says, before it is given. */
type Said = Omit<Written, 'given'>

/** An alert that waits for an answer. */
export interface Call {
  /** Tells it apart: somebody may be called by the same alert themselves and instead of others. */
  readonly key: string
  readonly ding: Ding
  /** Whether it makes a noise. */
  readonly sound: boolean
  /** How often it came to be noticed: each time it is to be noticed anew. */
  readonly times: number
  /** Whether the person has put it aside; the next try brings it back. */
  readonly later: boolean
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
  /** What is being answered, also of alerts that are no longer open, by what they are kept by. */
  readonly answering: Readonly<Record<string, Answering>>
}

export function keyOf({ ding, mine }: Keyed): string {
  return keyed(ding, mine?.instead_of !== undefined)
}

/** With an alert that has come, or has come again. */
export function called(calls: readonly Call[], ding: Ding, sound: boolean): readonly Call[] {
  const key = keyOf(ding)
  const before = calls.find(call => call.key === key)
  if (!before) return [...calls, { key, ding, sound, times: 1, later: false }]
  // That somebody else waits too, silently, neither stops what rings nor begins it anew.
  const times = before.times + (sound ? 1 : 0)
  const call = { key, ding, sound: sound || before.sound, times, later: false }
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
      const first = { key, sound: loud.has(key), times: 1, later: false }
      if (!before) return { ...first, ding }
      return { ...before, ding, sound: before.sound || loud.has(key) }
    })
  const shown = new Set(fresh.map(({ key }) => key))
  // Of an alert that waits for the person as well the list names that one only.
  const isOther = ({ key, ding }: Call) => shown.has(ding.ding) && !shown.has(key)
  const kept = calls.filter(call => heard.has(call.ding.ding) || isOther(call))
  return [...fresh, ...kept].sort((one, other) => one.ding.at - other.ding.at)
}

type Hearing = Pick<Door, 'call' | 'listen'>

export class Alerts {
  readonly state = createStore<AlertsState>(() => ({ calls: [], known: false, answering: {} }))
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
  readonly #answerAgain = new Soon(() => this.#giveAgain())
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

  confirm(ding: Ding, reply = ''): Promise<boolean> {
    const { mine } = ding
    // Whoever was called for several people takes care of all of them.
    const instead = mine?.others ? { others: true } : { instead_of: mine?.instead_of }
    const whose = mine?.instead_of === undefined ? undefined : instead
    return this.#answer(keyOf(ding), { what: 'reply', words: reply, whose })
  }

  decline({ ding }: Ding, reason: string): Promise<boolean> {
    return this.#answer(keyed(ding, false), { what: 'reason', words: reason })
  }

  /** The person thinks again: what has not reached the server is not given any more. */
  takeBack(key: string): void {
    const written = this.answers.get(key)
    if (written?.given) this.answers.keep(key, { ...written, given: false })
    this.#answering(key, undefined)
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
  async #answer(key: string, said: Said): Promise<boolean> {
    this.answers.keep(key, { ...said, given: true })
    this.#answering(key, { state: 'sending' })
    try {
      await this.#give(key, said)
      this.#heard?.add(dingOf(key))
      this.#over(key)
      return true
    } catch (error) {
      const again = !isRefused(error)
      // What was refused is the person's to change, as long as they are asked.
      if (!again && this.#isOpen(key)) this.answers.keep(key, { ...said, given: false })
      else if (!again) this.answers.forget(key)
      else if (!hasEnded(error)) this.#answerAgain.in(AGAIN_MS)
      this.#answering(key, { state: 'failed', error, again })
      // What the person has to change stands before them again; what is tried again stays aside.
      if (!again) this.#change(key, { later: false })
      return false
    }
  }

  #give(key: string, { what, words, whose }: Said): Promise<unknown> {
    const ding = dingOf(key)
    if (what === 'reason') return this.#door.call('ding.decline', { ding, reason: words })
    return this.#door.call('ding.confirm', { ding, reply: words || undefined, ...whose })
  }

  /**
   * Gives what was answered before the page was loaded again, or did not reach the server: also
   * where the alert is over by now, as the server takes what is late.
   */
  #giveAgain(): void {
    const { answering } = this.state.getState()
    for (const [key, written] of this.answers.given()) {
      if (answering[key]?.state !== 'sending') void this.#answer(key, written)
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

  /** It is over for the person, or for one of those whom they were called for. */
  #ended({ ding, instead_of }: DingEndedData): void {
    // The person may have been called for others too, whom the list names only after their own.
    this.#again.in(TOGETHER_MS)
    if (instead_of !== undefined) {
      this.#oneLess(keyed(ding, true))
      return
    }
    this.#heard?.add(ding)
    // What was given is given, even if its time is over.
    if (this.answers.get(ding)?.given) this.#remove(ding)
    else this.#over(ding)
  }

  /** One of those whom the person was called for waits no more; who still does the list says. */
  #oneLess(key: string): void {
    const call = this.state.getState().calls.find(call => call.key === key)
    const mine = call?.ding.mine
    if (!call || !mine?.others) this.#remove(key)
    else this.#change(key, { ding: { ...call.ding, mine: { ...mine, others: mine.others - 1 } } })
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

  #isOpen(key: string): boolean {
    return this.state.getState().calls.some(call => call.key === key)
  }

  /** Nothing is left to be said about it. */
  #over(key: string): void {
    this.answers.forget(key)
    this.#answering(key, undefined)
    this.#remove(key)
  }

  #remove(key: string): void {
    this.#loud.delete(key)
    this.#set(calls => calls.filter(call => call.key !== key))
  }

  #answering(key: string, how: Answering | undefined): void {
    this.state.setState(({ answering }) => {
      const { [key]: before, ...others } = answering
      if (how) return { answering: { ...others, [key]: how } }
      return before ? { answering: others } : {}
    })
  }

  #change(key: string, change: Partial<Call>): void {
    this.#set(calls => calls.map(call => (call.key === key ? { ...call, ...change } : call)))
  }

  #set(change: (calls: readonly Call[]) => readonly Call[]): void {
    this.state.setState(({ calls }) => ({ calls: change(calls) }))
  }
}

/** The alert of an answer. */
function dingOf(key: string): DingId {
  return key.split(' ')[0] ?? key
}

/** Whether the server does not take it, rather than nobody knowing whether it did. */
function isRefused(error: unknown): boolean {
  return error instanceof CarillonError && error.retry === 'no' && !hasEnded(error)
}

/** Whether the page has nobody to give it to any more. */
function hasEnded(error: unknown): boolean {
  return error instanceof CarillonError && error.code === 'E_STOPPED'
}
