/** How a client is set up. */

import { CarillonError } from './error.ts'
import type { Handlers } from './handlers.ts'
import type { Listener } from './listener.ts'
import type { UserId } from './protocol.ts'
import type { State } from './state.ts'

/** Where to connect, as whom, and how. */
export interface Options {
  /** The server's address, as `https://chat.example` or `http://127.0.0.1:8080`. */
  url: string
  /**
   * A bearer token, or a function that is asked for one before each connection. A browser asks
   * for a ticket: `async () => (await rpc(url, 'session.token', {})).token`.
   *
   * When the server does not take the token, the function is asked once more; then the client ends
   * with that error (`retry` is `reauth`). It ends too when the function throws a `CarillonError`
   * with that `retry`; when it throws anything else the client tries again later.
   */
  token: string | (() => Promise<string>)
  /**
   * Who the client is to be. When the token turns out to be another person's, as after somebody
   * else has signed in in this browser, the client ends (`retry` is `reauth`) and leaves the state
   * as it is. Without it the state belongs to whoever connects first.
   */
  user?: UserId
  /** Where the outbox, the device's id and the progress are kept; `memory()` if absent. */
  state?: State
  /** Tells the windows of one installation apart; if they share a state, a new one for each. */
  tab?: string
  /**
   * What the program answers when others of its organisation call `app.{name}.{verb}`;
   * `app.{name}.act` is told what people do with the program's cards, as `CardActing`.
   */
  handles?: Handlers
  /**
   * What the program is told until it has dealt with it, also of the time when it was away. Of
   * several connections of a program one is told.
   */
  listens?: Listener
  /** The WebSocket to use, where the platform has none. The Node entry brings one. */
  webSocket?: typeof WebSocket
}

/** A server's address, taken apart. */
export interface Address {
  /** What stands before `/v1/…` over HTTP. */
  http: string
  /** Where the socket is. */
  ws: string
}

/** Reads an address; `ws://` and `wss://` will do too. */
export function address(text: string): Address {
  let url: URL
  try {
    url = new URL(text)
  } catch (thrown) {
    throw bad(text, thrown)
  }
  if (!/^(http|ws)s?:$/.test(url.protocol) || url.host === '') throw bad(text)
  const secure = url.protocol.endsWith('s:') ? 's' : ''
  const base = url.host + url.pathname.replace(/\/+$/, '').replace(/\/v1\/ws$/, '')
  return { http: `http${secure}://${base}`, ws: `ws${secure}://${base}/v1/ws` }
}

function bad(text: string, cause?: unknown): CarillonError {
  const msg = `${text}: expected an address like https://chat.example`
  return new CarillonError({ code: 'E_BAD_ARG', field: 'url', msg, retry: 'no' }, cause)
}
