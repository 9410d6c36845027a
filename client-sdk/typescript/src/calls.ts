/** Calls on their way: each keeps its id, arguments and `cid` until it is answered for good. */

import { CarillonError, errorBody } from './error.ts'
import { exceeds } from './frame.ts'
import {
  type Cid,
  type Effect,
  type ErrorBody,
  LIMITS,
  type Limits,
  type Topic,
} from './protocol.ts'

/** Calls of the program that wait for an answer; beyond, it has to wait for some of them. */
export const CALLS_MAX = 256

/**
 * Each of these makes a token or a link, which nobody would know of if the answer was lost: asked
 * again, there would be two.
 */
const NOT_REPEATED = new Set([
  'session.issue',
  'session.token',
  'org.invite.create',
  'bot.rotate',
  'bot.update',
  'room.link',
  'room.enter',
])

/** Who waits for an answer. */
export type To =
  | { who: 'caller'; resolve: (data: unknown) => void; reject: (reason: unknown) => void }
  /** A gap of this topic. */
  | { who: 'gap'; topic: Topic }
  | { who: 'outbox'; cid: Cid }
  /** The program has given up. */
  | { who: 'nobody' }

/** A call and who waits for its answer. */
export interface Call {
  readonly op: string
  readonly effect: Effect
  readonly cid?: Cid | undefined
  readonly prev?: Cid | undefined
  /** The arguments, as JSON: what is sent again is what was sent. */
  readonly args: string
  to: To
  /** How often it was tried in vain. */
  attempts: number
}

/** Whether a call may be sent again when nobody knows whether it had its effect. */
export function repeats(call: Call): boolean {
  return !NOT_REPEATED.has(call.op)
}

/** A call as a frame, or one that the server would not take, with the reason. */
export type Next = { frame: string } | { call: Call; error: ErrorBody }

/** Every call without an answer. */
export class Calls {
  #lastId = 0
  readonly #all = new Map<number, Call>()
  /** In the order in which they were made. */
  #waiting = new Set<number>()
  /** Those that were asked to wait, and until when. */
  readonly #later = new Map<number, number>()
  #reads = new Bucket(0, 0)
  #writes = new Bucket(0, 0)
  /** A longer frame ends the connection for good. */
  #frameMax: number = LIMITS.FRAME_LEN_MAX

  /** Takes a call of the program; answers how it gives up. */
  ask(call: Omit<Call, 'to' | 'attempts'>, to: To & { who: 'caller' }): () => void {
    if (this.#all.size >= CALLS_MAX) {
      const msg = `${CALLS_MAX} calls wait for an answer: wait for some of them first`
      throw new CarillonError(errorBody('E_BUSY', msg))
    }
    const asked: Call = { ...call, to, attempts: 0 }
    this.add(asked)
    return () => this.#giveUp(asked)
  }

  /** What travels is still answered: until then it counts among what the server has to do. */
  #giveUp(call: Call): void {
    call.to = { who: 'nobody' }
    for (const [id, other] of this.#all) {
      if (other !== call || this.#travels(id)) continue
      this.#all.delete(id)
      this.#waiting.delete(id)
      this.#later.delete(id)
    }
  }

  /** Takes a call. */
  add(call: Call): void {
    this.#lastId += 1
    this.#waiting.add(this.#lastId)
    this.#all.set(this.#lastId, call)
  }

  /** A connection is there, with its bounds. */
  online(limits: Limits, now: number): void {
    this.#reads = new Bucket(limits.reads_per_s, now)
    this.#writes = new Bucket(limits.writes_per_s, now)
    this.#frameMax = limits.frame
  }

  /**
   * The connection is gone: what was in flight is sent again, the outbox's by the outbox. Gives
   * back what must not be.
   */
  offline(): Call[] {
    const lost: Call[] = []
    for (const [id, call] of this.#all) {
      if (call.to.who === 'outbox' || call.to.who === 'nobody') {
        this.#all.delete(id)
      } else if (!repeats(call) && this.#travels(id)) {
        this.#all.delete(id)
        lost.push(call)
      }
    }
    this.#later.clear()
    this.#waiting = new Set(this.#all.keys())
    return lost
  }

  #travels(id: number): boolean {
    return !this.#waiting.has(id) && !this.#later.has(id)
  }

  /** What the server would say of a frame that it does not take, if it did not end the connection. */
  tooLarge(frame: string): ErrorBody | undefined {
    if (!exceeds(frame, this.#frameMax)) return undefined
    return errorBody('E_TOO_LARGE', `a frame may have ${this.#frameMax} bytes: send less at once`)
  }

  /** The next call as a frame, if the server takes one now; or a call that is too large for it. */
  next(now: number): Next | undefined {
    for (const [id, at] of this.#later) {
      if (at > now) continue
      this.#later.delete(id)
      this.#waiting.add(id)
    }
    const id = this.#inFlight < LIMITS.CALLS_IN_FLIGHT_MAX ? this.#affordable(now) : undefined
    const call = id === undefined ? undefined : this.#all.get(id)
    if (id === undefined || !call) return undefined
    this.#waiting.delete(id)
    const frame = write(id, call)
    const error = this.tooLarge(frame)
    if (error) {
      this.#all.delete(id)
      return { call, error }
    }
    this.#bucket(call.effect).take()
    return { frame }
  }

  get #inFlight(): number {
    return this.#all.size - this.#waiting.size - this.#later.size
  }

  /** The first waiting call for which the server has patience. */
  #affordable(now: number): number | undefined {
    const reads = this.#reads.due(now) <= now
    const writes = this.#writes.due(now) <= now
    for (const id of this.#waiting) {
      if (this.#all.get(id)?.effect === 'read' ? reads : writes) return id
    }
    return undefined
  }

  #bucket(effect: Effect): Bucket {
    return effect === 'read' ? this.#reads : this.#writes
  }

  /** The call that this is the answer to; the second answer has none. */
  answered(id: number): Call | undefined {
    const call = this.#travels(id) ? this.#all.get(id) : undefined
    if (call) this.#all.delete(id)
    return call
  }

  /** Sends a call again, not before `at`. */
  again(call: Call, at: number): void {
    call.attempts += 1
    this.#lastId += 1
    this.#later.set(this.#lastId, at)
    this.#all.set(this.#lastId, call)
  }

  /** When `next` has something after a wait. */
  due(now: number): number | undefined {
    const dues = [...this.#later.values()]
    if (this.#inFlight < LIMITS.CALLS_IN_FLIGHT_MAX) {
      const effects = new Set<Bucket>()
      for (const id of this.#waiting) effects.add(this.#bucket(this.#all.get(id)?.effect ?? 'read'))
      for (const bucket of effects) dues.push(bucket.due(now))
    }
    return dues.length > 0 ? Math.min(...dues) : undefined
  }

  /** Ends every call. */
  drain(): Call[] {
    const all = [...this.#all.values()]
    this.#all.clear()
    this.#waiting.clear()
    this.#later.clear()
    return all
  }
}

function write(id: number, { op, cid, prev, args }: Call): string {
  const head = JSON.stringify({ t: 'call', id, op, cid, prev })
  return `${head.slice(0, -1)},"args":${args}}`
}

/**
 * Keeps below the server's rate: who ignores it is closed for good.
 *
 * Holds two seconds' worth while the server takes three: calls that the network bunches pass.
 */
class Bucket {
  /** Calls a second; 0 is no bound. */
  readonly #rate: number
  #level: number
  #at: number

  constructor(rate: number, now: number) {
    this.#rate = rate
    this.#level = rate * 2
    this.#at = now
  }

  /** When the next call may go. */
  due(now: number): number {
    if (this.#rate === 0) return now
    this.#level = Math.min(this.#level + ((now - this.#at) * this.#rate) / 1_000, this.#rate * 2)
    this.#at = now
    return now + Math.ceil((Math.max(0, 1 - this.#level) * 1_000) / this.#rate)
  }

  take(): void {
    this.#level -= this.#rate === 0 ? 0 : 1
  }
}
