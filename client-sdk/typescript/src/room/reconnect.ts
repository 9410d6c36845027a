/**
 * When a participant's connections are mended, as a state machine without a clock.
 *
 * A connection that falters is given a moment, then ICE is restarted over the socket, and if that
 * does not help, everything is made anew by `room.join`. Without a socket nothing can be mended,
 * and media go on without it.
 */

import type { RoomConnection } from '../protocol.ts'

/** A connection that says nothing may come back by itself for so long. */
export const FALTER_MS = 2_000
/** A restart takes at most so long. */
export const RESTART_MS = 3_000
/** A new connection takes at most so long, also by a relay over a slow line. */
export const CONNECT_MS = 10_000
/** What held so long was well: the next trouble is another one, and mended at once. */
export const STEADY_MS = 10_000
/** The server takes at most so long to let one in again; a later answer is of no use. */
export const TRY_MS = 8_000
/** Who waits longer is told: the network may let nothing through but the page. */
export const STUCK_MS = 20_000
/** The bound of the wait before the second try; it doubles with every try. */
const AGAIN_MS_FIRST = 500
/** The longest wait between two tries: people sit and wait for it. */
const AGAIN_MS_MAX = 8_000

/** What is to be done now: restart a connection, or join again. */
export type Repair = RoomConnection | 'join'

type Phase = 'connecting' | 'up' | 'falters' | 'restarting'

interface Line {
  phase: Phase
  /** When the phase has lasted too long. */
  until: number
}

const BOTH: readonly RoomConnection[] = ['publish', 'subscribe']

/** Watches both connections of a participant. */
export class Watch {
  readonly #lines = new Map<RoomConnection, Line>()
  readonly #random: () => number
  #online = true
  /** When to join again, if it is decided. */
  #joinAt: number | undefined
  /** Joins since the connections were steady. */
  #joins = 0
  #upSince: number | undefined
  /** Since when nothing flows though the socket is there. */
  #awaySince: number | undefined
  /** Whether that lasts too long, as of the last `tick`. */
  stuck = false

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Whether sound and pictures flow, or may after a moment. */
  get whole(): boolean {
    const flows = ({ phase }: Line) => phase === 'up' || phase === 'falters'
    return this.#lines.size === BOTH.length && [...this.#lines.values()].every(flows)
  }

  /** New connections are on their way. */
  joined(now: number): void {
    this.#joinAt = undefined
    this.#upSince = undefined
    this.#awaySince ??= now
    for (const which of BOTH) {
      this.#lines.set(which, { phase: 'connecting', until: now + CONNECT_MS })
    }
  }

  /** There is nothing to watch. */
  rest(): void {
    this.#joinAt = undefined
    this.#lines.clear()
  }

  /** A connection says how it is. */
  state(which: RoomConnection, state: RTCPeerConnectionState, now: number): void {
    const line = this.#lines.get(which)
    if (!line) return
    if (state === 'connected') {
      line.phase = 'up'
      if (this.whole) this.#upSince ??= now
    } else if (state === 'disconnected' && line.phase === 'up') {
      this.#falters(line, now + FALTER_MS)
    } else if (state === 'failed' && line.phase !== 'restarting') {
      // One that never came about is not restarted.
      if (line.phase === 'connecting') this.lost(now)
      else this.#falters(line, now)
    }
  }

  #falters(line: Line, until: number): void {
    line.phase = 'falters'
    line.until = until
  }

  /** Nothing comes by a connection that says it is well. */
  silent(which: RoomConnection, now: number): void {
    const line = this.#lines.get(which)
    if (line?.phase === 'up') this.#falters(line, now)
  }

  /** Something came by a connection. */
  heard(which: RoomConnection): void {
    const line = this.#lines.get(which)
    if (line?.phase === 'restarting') line.phase = 'up'
  }

  /** The server does not know the connections, or they cannot be mended. */
  lost(now: number): void {
    if (this.#joinAt !== undefined || this.#lines.size === 0) return
    if (this.#upSince !== undefined && now - this.#upSince >= STEADY_MS) this.#joins = 0
    this.#again(now)
  }

  /** To join again was of no use. */
  vain(now: number): void {
    this.#again(now)
  }

  #again(now: number): void {
    const bound = Math.min(AGAIN_MS_FIRST * 2 ** (this.#joins - 1), AGAIN_MS_MAX)
    this.#joinAt = this.#joins === 0 ? now : now + this.#random() * bound
    this.#joins += 1
  }

  /** The socket is there or not. */
  online(online: boolean, now: number): void {
    if (online && !this.#online) {
      for (const line of this.#lines.values()) {
        if (line.phase === 'restarting') line.until = now + RESTART_MS
        if (line.phase === 'connecting') line.until = now + CONNECT_MS
      }
    }
    if (online !== this.#online) this.#awaySince = undefined
    this.#online = online
  }

  /** What is to be done now; what it names counts as begun. */
  tick(now: number): Repair[] {
    this.#measure(now)
    if (!this.#online) return []
    const repairs: Repair[] = []
    for (const [which, line] of this.#lines) {
      if (line.phase === 'up' || line.until > now) continue
      if (line.phase !== 'falters') this.lost(now)
      else {
        line.phase = 'restarting'
        line.until = now + RESTART_MS
        repairs.push(which)
      }
    }
    if (this.#joinAt === undefined) return repairs
    if (this.#joinAt > now) return []
    this.rest()
    return ['join']
  }

  #measure(now: number): void {
    if (!this.#online || this.whole) this.#awaySince = undefined
    else if (this.#lines.size > 0) this.#awaySince ??= now
    this.stuck = this.#awaySince !== undefined && now - this.#awaySince >= STUCK_MS
  }

  /** When `tick` has something to do. */
  due(): number | undefined {
    if (!this.#online) return undefined
    const away = this.#awaySince !== undefined && !this.stuck ? [this.#awaySince + STUCK_MS] : []
    if (this.#joinAt !== undefined) return Math.min(this.#joinAt, ...away)
    const dues = [...this.#lines.values()].flatMap(({ phase, until }) =>
      phase === 'up' ? [] : [until],
    )
    dues.push(...away)
    return dues.length > 0 ? Math.min(...dues) : undefined
  }
}
