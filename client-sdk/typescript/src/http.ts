/** The door for those who have no socket: one call over HTTP. */

import { CarillonError, local, reasonOf } from './error.ts'
import { readErrorBody } from './frame.ts'
import { newId } from './id.ts'
import { address } from './options.ts'
import { type Cid, EFFECTS, type Operations } from './protocol.ts'

/** The whole call takes at most so long. */
const TIMEOUT_MS = 30_000

/** The name of an operation. */
export type Op = keyof Operations
/** What an operation takes. */
export type Args<O extends Op> = Operations[O]['args']
/** What an operation answers. */
export type Reply<O extends Op> = Operations[O]['reply']

/** How a call is made over HTTP. */
export interface RpcOptions {
  /** A bearer token; a browser with a session's cookie needs none. */
  token?: string
  /** The intent, to repeat it; a new one if absent. Only operations that take effect once. */
  cid?: Cid
  /** Gives the call up; it may have happened or not. */
  signal?: AbortSignal
}

/**
 * Calls an operation over HTTP, once: `POST {url}/v1/rpc/{op}`. For signing in, for tickets, and
 * for programs that listen to nothing.
 *
 * @throws {CarillonError} what the server refuses; `E_OFFLINE` if it cannot be reached;
 * `E_TIMEOUT_UNKNOWN` if it did not answer within 30 s.
 */
export async function rpc<O extends Op>(
  url: string,
  op: O,
  args: Args<O>,
  how: RpcOptions = {},
): Promise<Reply<O>> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (how.token !== undefined) headers.authorization = `Bearer ${how.token}`
  if (EFFECTS[op] === 'once') headers['idempotency-key'] = how.cid ?? newId()
  const late = AbortSignal.timeout(TIMEOUT_MS)
  const signal = how.signal ? AbortSignal.any([how.signal, late]) : late
  const request = { method: 'POST', headers, body: JSON.stringify(args), signal }
  let response: Response
  let body: string
  try {
    response = await fetch(`${address(url).http}/v1/rpc/${op}`, request)
    body = await response.text()
  } catch (thrown) {
    how.signal?.throwIfAborted()
    if (late.aborted) {
      const msg = 'no answer within 30 s: it may have happened or not'
      throw new CarillonError({ code: 'E_TIMEOUT_UNKNOWN', msg, retry: 'same' }, thrown)
    }
    throw local('E_OFFLINE', `the server cannot be reached: ${reasonOf(thrown)}`, thrown)
  }
  return answer(response, body) as Reply<O>
}

function answer(response: Response, body: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (thrown) {
    throw unexpected(response, thrown)
  }
  if (response.ok) return value
  const error = readErrorBody(value)
  throw error ? new CarillonError(error) : unexpected(response)
}

/** A proxy's own page, mostly: the server itself always answers in JSON. */
function unexpected(response: Response, cause?: unknown): CarillonError {
  const msg = `the server answered ${response.status} and no JSON: look at what stands before it`
  return new CarillonError({ code: 'E_UNAVAILABLE', msg, retry: 'after' }, cause)
}
