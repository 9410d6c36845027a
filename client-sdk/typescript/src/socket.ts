/** One WebSocket: the upgrade, `hello`, frames in both directions, the heartbeat. */

import { after, now, type Timer } from './clock.ts'
import { CarillonError, local, reasonOf, step } from './error.ts'
import { decode, encode } from './frame.ts'
import { Heart } from './heart.ts'
import {
  CLOSE_CODES,
  type ErrorBody,
  type Hello,
  type ServerFrame,
  SUBPROTOCOL,
  type Welcome,
} from './protocol.ts'

/** TCP, the upgrade and `hello` take at most so long together: a server has 10 s for `hello`. */
const CONNECT_TIMEOUT_MS = 10_000
/** So long a server may take to answer when there is reason to doubt the connection. */
const PROBE_MS = 5_000
/** The number of an orderly end. */
const CLOSE_NORMAL = 1000

/** Why there is no connection. */
export type Down =
  /** Come back, after `retryMs` if the server said so. */
  | { why: 'lost'; reason: string; retryMs?: number | undefined }
  /** Come back without the `sync` token. */
  | { why: 'resync'; reason: string }
  /** Come back with another token, if there is one. */
  | { why: 'unauth'; error: CarillonError }
  /** Do not come back. */
  | { why: 'final'; error: CarillonError }

/** What the program runs on. Node 20 has no WebSocket: the Node entry puts one here. */
export const platform: { webSocket: typeof WebSocket | undefined } = {
  webSocket: globalThis.WebSocket,
}

/** Who hears what happens to a socket. Nothing is heard after `down`. */
export interface Hearer {
  up(welcome: Welcome): void
  frame(frame: ServerFrame): void
  down(down: Down): void
}

/** An error that concerns the connection as a whole, not one call. */
export function refused(error: ErrorBody): Down {
  const next = step(error, 0)
  if (next.do === 'again') return { why: 'lost', reason: error.msg, retryMs: next.ms }
  if (next.do === 'resync') return { why: 'resync', reason: error.msg }
  const why = isUnauth(error) ? 'unauth' : 'final'
  return { why, error: new CarillonError(error) }
}

/** Whether a token, or none, is the reason. */
export function isUnauth({ code }: { code: string }): boolean {
  return code === 'E_UNAUTH' || code === 'E_TOKEN_EXPIRED'
}

function closed(code: number, reason: string, retryMs?: number): Down {
  if (code === CLOSE_CODES.badToken || code === CLOSE_CODES.revoked) {
    const msg = reason || 'sign in again'
    const error = new CarillonError({ code: 'E_UNAUTH', msg, retry: 'reauth', close: code })
    return { why: 'unauth', error }
  }
  // Codes that this version does not know still fall into one of the two ranges.
  if (code >= 4500 && code < 5000) {
    const msg = `the server closed the connection for good: ${reason} (${code})`
    return {
      why: 'final',
      error: new CarillonError({ code: 'E_CLOSED', msg, retry: 'no', close: code }),
    }
  }
  return { why: 'lost', reason: `${reason || 'the connection ended'} (${code})`, retryMs }
}

/** A connection, or the way to one. */
export class Socket {
  readonly #ws: WebSocket
  readonly #hearer: Hearer
  #heart: Heart | undefined
  #timer: Timer | undefined
  #bye: { code: number; reason?: string; retry_ms?: number } | undefined
  /** What the platform says of a failure; a browser says nothing. */
  #failure = ''

  /** Connects and says `hello`. */
  constructor(type: typeof WebSocket, url: string, hello: Hello, hearer: Hearer) {
    this.#hearer = hearer
    this.#ws = new type(url, SUBPROTOCOL)
    this.#ws.onopen = () => this.#ws.send(encode({ t: 'hello', ...hello }))
    this.#ws.onmessage = ({ data }) => this.#hear(data)
    this.#ws.onerror = event => {
      this.#failure = 'message' in event ? String(event.message) : ''
    }
    this.#ws.onclose = ({ code, reason }) => this.#closed(code, reason)
    this.#timer = after(CONNECT_TIMEOUT_MS, () => this.#down(lost('no answer within 10 s')))
  }

  #closed(code: number, reason: string): void {
    const bye = this.#bye
    // `bye` says more than the close frame: it has `retry_ms`.
    if (bye) this.#down(closed(bye.code, bye.reason ?? '', bye.retry_ms))
    else this.#down(closed(code, reason || this.#failure))
  }

  #hear(data: unknown): void {
    this.#heart?.heard()
    let frame: ServerFrame | undefined
    try {
      if (typeof data !== 'string') throw local('E_OFFLINE', 'the server sent a binary frame')
      frame = decode(data)
    } catch (thrown) {
      this.#down(lost(reasonOf(thrown)))
      return
    }
    if (frame === undefined || frame.t === 'pong') return
    if (frame.t === 'bye') this.#bye = frame
    else if (this.#heart) this.#hearer.frame(frame)
    else this.#greeted(frame)
  }

  #greeted(frame: ServerFrame): void {
    if (frame.t === 'err') this.#down(refused(frame))
    if (frame.t !== 'welcome') return
    clearTimeout(this.#timer)
    const { t: _, ...welcome } = frame
    this.#heart = new Heart(welcome.hb_ms, now())
    this.#wait(this.#heart)
    this.#hearer.up(welcome)
  }

  #wait(heart: Heart): void {
    clearTimeout(this.#timer)
    this.#timer = after(heart.due - now(), () => {
      if (heart.beat(now()) === 'dead') this.#down(lost('the server has gone silent'))
      else this.#ping(heart)
    })
  }

  #ping(heart: Heart): void {
    this.send(encode({ t: 'ping' }))
    this.#wait(heart)
  }

  /** Asks the server for a sign of life, because something may have happened to the network. */
  probe(): void {
    const heart = this.#heart
    if (!heart) return
    heart.probe(now(), PROBE_MS)
    this.#ping(heart)
  }

  /** Sends a frame. */
  send(frame: string): void {
    // A socket that is closing takes nothing, and says `close` soon.
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.send(frame)
  }

  #down(down: Down): void {
    if (this.#leave()) this.#hearer.down(down)
  }

  /** Ends the connection; nothing is heard of it any more. Answers whether there was one. */
  #leave(): boolean {
    clearTimeout(this.#timer)
    if (this.#ws.onclose === null) return false
    this.#ws.onopen = null
    this.#ws.onmessage = null
    this.#ws.onclose = null
    // Stays: a socket that is closed before it opened reports that as an error.
    this.#ws.onerror = () => {}
    this.#ws.close(CLOSE_NORMAL)
    return true
  }

  /** Tells the server that the client leaves. What was sent is written first. */
  close(): void {
    this.#leave()
  }
}

function lost(reason: string): Down {
  return { why: 'lost', reason }
}
