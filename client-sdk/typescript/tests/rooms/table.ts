/** A meeting in a room that the test plays, in a time that the test moves. */

import { afterEach, beforeEach, vi } from 'vitest'
import {
  joinRoom,
  type MeetingOptions,
  type MeetingRoom,
  type MeetingUpdate,
} from '../../src/rooms.ts'
import { House, ROOM } from './house.ts'
import { Platform } from './peer.ts'

/** How far the clock moves at once. */
const STEP_MS = 10
/** Whatever takes time takes less. */
const WAIT_MS_MAX = 40

/** Numbers from 0 to 1, the same for a seed. Mulberry32 (Tommy Ettinger, 2017). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The time of a file's tests is the test's. */
export function ownTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

/** A house and one who meets there. */
export class Table {
  readonly platform: Platform
  readonly house: House
  readonly updates: MeetingUpdate[] = []
  #meeting: MeetingRoom | undefined
  /** Whether connections come about. */
  network = true

  constructor(seed = 1) {
    const random = numbers(seed)
    this.platform = new Platform(
      () => new Promise(resolve => setTimeout(resolve, random() * WAIT_MS_MAX)),
    )
    this.house = new House(this.platform)
  }

  get meeting(): MeetingRoom {
    if (!this.#meeting) throw new Error('nobody has joined')
    return this.#meeting
  }

  async join(options: MeetingOptions = {}): Promise<MeetingRoom> {
    const joining = joinRoom(this.house.client, ROOM, { rtc: this.platform.rtc, ...options })
    this.#meeting = await this.done(joining)
    this.#meeting.listen(update => this.updates.push(update))
    return this.#meeting
  }

  /** One who is connected. */
  async connected(): Promise<MeetingRoom> {
    const meeting = await this.join()
    await this.pass(1_000)
    return meeting
  }

  /** Lets so much time pass, in which connections come about. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await vi.advanceTimersByTimeAsync(STEP_MS)
      if (this.network) this.house.network(this.platform.open, this.#meeting?.me)
    }
  }

  /** Lets time pass until this has happened. */
  async done<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const mark = () => {
      isDone = true
    }
    promise.then(mark, mark)
    for (let passed = 0; passed < 60_000 && !isDone; passed += STEP_MS) await this.pass(STEP_MS)
    return promise
  }

  /** How often an operation was asked. */
  count(op: string): number {
    return this.house.asked.filter(asked => asked.op === op).length
  }

  /** The one that sends. */
  get publish() {
    const [publish] = this.platform.open
    if (!publish) throw new Error('nothing is open')
    return publish
  }

  /** The one that receives. */
  get subscribe() {
    const [, subscribe] = this.platform.open
    if (!subscribe) throw new Error('nothing is open')
    return subscribe
  }
}
