/** The connection as the client sees it: there, on the way, to be tried again, or given up. */

import { after, type Timer } from './clock.ts'
import { CarillonError, local, reasonOf, reconnectIn } from './error.ts'
import type { Connection } from './events.ts'
import type { Address, Options } from './options.ts'
import { type DeviceId, type ServerFrame, VERSION, type Welcome } from './protocol.ts'
import { type Down, type Hearer, Socket } from './socket.ts'

/** So long a function may take to bring a token. */
const TOKEN_TIMEOUT_MS = 30_000

/** Who hears what happens to the connection. */
export interface LinkHearer {
  up(welcome: Welcome): void
  frame(frame: ServerFrame): void
  /** The connection is gone, or did not come about. */
  down(down: Down): void
  /** `link.connection` changed. */
  changed(connection: Connection): void
}

/** What a link needs to know to connect. */
export interface LinkOptions extends Pick<Options, 'token'> {
  tab: string | undefined
  handles: readonly string[]
  listens: readonly string[]
  address: Address
  device: DeviceId
  webSocket: typeof WebSocket
}

/** Connects, and comes back as often as the connection is lost. */
export class Link {
  #connection: Connection = { state: 'connecting' }
  readonly #options: LinkOptions
  readonly #hearer: LinkHearer
  /** The `sync` token for the next `hello`. */
  readonly #sync: () => string | undefined
  #socket: Socket | undefined
  #timer: Timer | undefined
  /** Which try this is: what an earlier one brings too late is of no use. */
  #try = 0
  /** Tries to connect since the last time that the client was in step. */
  #attempt = 0
  /** The token of this try was refused, or the one before. */
  #tokenRefused = false

  constructor(options: LinkOptions, hearer: LinkHearer, sync: () => string | undefined) {
    this.#options = options
    this.#hearer = hearer
    this.#sync = sync
  }

  get connection(): Connection {
    return this.#connection
  }

  /** Sets out to connect. */
  connect(): void {
    clearTimeout(this.#timer)
    this.#try += 1
    const own = this.#try
    this.#change({ state: 'connecting' })
    this.#token().then(
      token => {
        if (own === this.#try) this.#open(token)
      },
      (thrown: unknown) => {
        if (own === this.#try) this.#down(tokenDown(thrown))
      },
    )
  }

  async #token(): Promise<string> {
    const { token } = this.#options
    if (typeof token === 'string') return token
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      const error = local('E_OFFLINE', 'the token did not come within 30 s')
      timer = after(TOKEN_TIMEOUT_MS, () => reject(error))
    })
    return Promise.race([token(), late]).finally(() => clearTimeout(timer))
  }

  #open(token: string): void {
    const { address, device, handles, listens, tab, webSocket } = this.#options
    const sync = this.#sync()
    const hello = {
      v: VERSION,
      token,
      device,
      ...(tab !== undefined && { tab }),
      ...(sync !== undefined && { sync }),
      caps: ['dirty'],
      ...(handles.length > 0 && { handles: [...handles] }),
      ...(listens.length > 0 && { listens: [...listens] }),
    }
    const hearer: Hearer = {
      up: welcome => {
        this.#hearer.up(welcome)
        this.#change({ state: 'online' })
      },
      frame: frame => this.#hearer.frame(frame),
      down: down => this.#down(down),
    }
    try {
      this.#socket = new Socket(webSocket, address.ws, hello, hearer)
    } catch (thrown) {
      // As a page over HTTPS that may not connect to `http:`.
      this.end(local('E_OFFLINE', `no socket to ${address.ws}: ${reasonOf(thrown)}`, thrown))
    }
  }

  #down(down: Down): void {
    this.#socket = undefined
    if ('error' in down && !(down.why === 'unauth' && this.#mayAskAgain())) {
      this.end(down.error, down)
      return
    }
    const wait = reconnectIn(down.why === 'lost' ? down.retryMs : undefined, this.#attempt)
    this.#attempt += 1
    this.#try += 1
    this.#timer = after(wait, () => this.connect())
    const reason = 'error' in down ? down.error.message : down.reason
    this.#hearer.down(down)
    this.#change({ state: 'offline', retryAt: Date.now() + wait, reason })
  }

  /** A ticket may have been too old by the time it was shown: a fresh one tells, once. */
  #mayAskAgain(): boolean {
    const may = typeof this.#options.token !== 'string' && !this.#tokenRefused
    this.#tokenRefused = true
    return may
  }

  /**
   * Only now has the connection proved to be of use: a server that lets clients in and falls over
   * is not stormed.
   */
  inStep(): void {
    this.#attempt = 0
    this.#tokenRefused = false
  }

  /** Drops the connection, and comes back as `down` says. */
  drop(down: Down): void {
    this.#socket?.close()
    this.#down(down)
  }

  /** Sends a frame. Without a connection there is nobody to send it to. */
  send(frame: string): void {
    this.#socket?.send(frame)
  }

  /** Tries at once; a connection that is there is asked for a sign of life. */
  reconnect(): void {
    if (this.#connection.state === 'offline') this.connect()
    else this.#socket?.probe()
  }

  /** Gives up for good. */
  end(error: CarillonError, down: Down = { why: 'final', error }): void {
    if (this.#connection.state === 'ended') return
    clearTimeout(this.#timer)
    this.#try += 1
    this.#socket?.close()
    this.#socket = undefined
    this.#hearer.down(down)
    this.#change({ state: 'ended', error })
  }

  #change(connection: Connection): void {
    if (this.#connection.state === 'ended') return
    this.#connection = connection
    this.#hearer.changed(connection)
  }
}

/** Who asks for a token may be told that somebody has to sign in: that is not asked twice. */
function tokenDown(thrown: unknown): Down {
  if (!(thrown instanceof CarillonError)) return { why: 'lost', reason: reasonOf(thrown) }
  const passes = thrown.retry === 'after' || thrown.retry === 'same'
  if (!passes) return { why: 'final', error: thrown }
  return { why: 'lost', reason: thrown.message, retryMs: thrown.retryMs }
}
