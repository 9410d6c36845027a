/**
 * Messages on their way: in order within a conversation, each until it is answered for good.
 *
 * A state machine without I/O or clock; `outbox.ts` keeps the messages.
 */

import type { Cid, ConvId, MsgSend } from './protocol.ts'
import type { Queued } from './state.ts'

/** Messages that travel at the same time: half of what the server takes from a connection. */
export const IN_FLIGHT_MAX = 8
/** So often a message is sent again at once after `E_PREV_MISSING`. */
export const PREV_MISSING_MAX = 3
/** The wait after that. */
export const PREV_MISSING_MS = 1_000

interface Entry {
  readonly cid: Cid
  readonly message: MsgSend
  inFlight: boolean
  attempts: number
}

/** The messages of one conversation. */
interface Lane {
  queue: Entry[]
  /** Nothing is sent before, after an error that asks for patience. */
  notBefore: number
}

/** A message to be sent now. */
export interface Outgoing {
  cid: Cid
  /** The message before it, if that one is not answered yet: the server keeps the order. */
  prev: Cid | undefined
  message: MsgSend
}

/** The queue of messages. */
export class Lanes {
  /** In the order of their turns: the one that was served goes to the end. */
  readonly #lanes = new Map<ConvId, Lane>()
  readonly #convOf = new Map<Cid, ConvId>()
  #inFlight = 0

  get inFlight(): number {
    return this.#inFlight
  }

  get length(): number {
    return this.#convOf.size
  }

  /** Takes what is new of all messages that wait, oldest first. */
  take(waiting: Iterable<Queued>): void {
    for (const { cid, conv, message } of waiting) {
      if (this.#convOf.has(cid)) continue
      this.#convOf.set(cid, conv)
      const lane = this.#lanes.get(conv) ?? { queue: [], notBefore: 0 }
      lane.queue.push({ cid, message, inFlight: false, attempts: 0 })
      this.#lanes.set(conv, lane)
    }
  }

  /** The next message to send. The conversations take turns: a full one holds no other up. */
  next(now: number): Outgoing | undefined {
    if (this.#inFlight >= IN_FLIGHT_MAX) return undefined
    for (const [conv, lane] of this.#lanes) {
      const at = lane.queue.findIndex(entry => !entry.inFlight)
      const entry = lane.queue[at]
      if (!entry || lane.notBefore > now) continue
      entry.inFlight = true
      this.#inFlight += 1
      this.#lanes.delete(conv)
      this.#lanes.set(conv, lane)
      return { cid: entry.cid, prev: lane.queue[at - 1]?.cid, message: entry.message }
    }
    return undefined
  }

  /**
   * The message is answered for good, well or not. The one after it loses its `prev`: what is
   * committed needs none, and what was refused cannot be waited for.
   */
  answered(cid: Cid): void {
    const found = this.#find(cid)
    if (!found) return
    const { conv, lane, entry } = found
    lane.queue.splice(lane.queue.indexOf(entry), 1)
    if (lane.queue.length === 0) this.#lanes.delete(conv)
    this.#convOf.delete(cid)
    if (entry.inFlight) this.#inFlight -= 1
  }

  has(cid: Cid): boolean {
    return this.#convOf.has(cid)
  }

  /** How often this message was tried in vain. */
  attempts(cid: Cid): number {
    return this.#find(cid)?.entry.attempts ?? 0
  }

  /** The server asks to send the message again, not before `at`. */
  again(cid: Cid, at: number): void {
    const found = this.#find(cid)
    if (!found) return
    const { lane, entry } = found
    entry.attempts += 1
    lane.notBefore = Math.max(lane.notBefore, at)
    if (entry.inFlight) this.#inFlight -= 1
    entry.inFlight = false
  }

  /**
   * The server does not have the message before this one: that one is being sent again, or was
   * refused and is gone from the queue. Either way this one goes again in its turn, at once,
   * unless that did not help before.
   */
  prevMissing(cid: Cid, now: number): void {
    const impatient = this.attempts(cid) < PREV_MISSING_MAX
    this.again(cid, impatient ? now : now + PREV_MISSING_MS)
  }

  /** The connection is gone: whatever travelled is sent again. */
  offline(): void {
    for (const { queue } of this.#lanes.values()) {
      for (const entry of queue) entry.inFlight = false
    }
    this.#inFlight = 0
  }

  /** Another client sends from now on. */
  clear(): void {
    this.#lanes.clear()
    this.#convOf.clear()
    this.#inFlight = 0
  }

  /** When `next` has something after a wait. */
  due(now: number): number | undefined {
    let due: number | undefined
    for (const { notBefore } of this.#lanes.values()) {
      if (notBefore > now && notBefore < (due ?? Number.POSITIVE_INFINITY)) due = notBefore
    }
    return due
  }

  #find(cid: Cid): { conv: ConvId; lane: Lane; entry: Entry } | undefined {
    const conv = this.#convOf.get(cid)
    if (conv === undefined) return undefined
    const lane = this.#lanes.get(conv)
    const entry = lane?.queue.find(entry => entry.cid === cid)
    return lane && entry ? { conv, lane, entry } : undefined
  }
}
