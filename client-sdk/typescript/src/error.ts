/** What can go wrong, and the one table that says what the client does about it. */

import { ERRORS, type ErrorBody, type ErrorCode, type Retry } from './protocol.ts'

/** The longest wait before another try. */
const BACKOFF_MS_MAX = 30_000
/** The bound of the first wait; it doubles with every try. */
const BACKOFF_MS_FIRST = 500
/** The shortest wait before the same call, whatever the server says. */
const RETRY_MS_MIN = 20

/** What only a client says; everything else is an {@link ErrorCode} of the server. */
export type LocalCode =
  /** The server ended the connection for good; `close` is its number, one of `CLOSE_CODES`. */
  | 'E_CLOSED'
  /** The client was closed by the program. */
  | 'E_STOPPED'
  /** The server cannot be reached. */
  | 'E_OFFLINE'
  /** The state cannot be read or written, or is in use, or belongs to somebody else. */
  | 'E_STORAGE'
  /** The outbox holds as many messages as it may: wait until some are answered. */
  | 'E_OUTBOX_FULL'

/** What an error is made of: the server's own body, or one of the client. */
export interface Refusal extends Omit<ErrorBody, 'code'> {
  code: ErrorCode | LocalCode
  /** The close code, if the connection was ended for good. */
  close?: number
}

/** Why a call, a message or the whole client failed for good. */
export class CarillonError extends Error {
  override readonly name = 'CarillonError'
  /** What is wrong, for programs. */
  readonly code: ErrorCode | LocalCode
  /** What a program does about it: `reauth` means that somebody has to sign in again. */
  readonly retry: Retry
  /** The argument that is wrong, as a path. */
  readonly field: string | undefined
  /** How long to wait before another try, in milliseconds. */
  readonly retryMs: number | undefined
  /** What support looks up in the server's own log. */
  readonly ref: string | undefined
  /** More, for programs. */
  readonly data: unknown
  /** The close code, if the server ended the connection for good; one of `CLOSE_CODES`. */
  readonly close: number | undefined

  constructor(refusal: Refusal, cause?: unknown) {
    super(refusal.msg, cause === undefined ? undefined : { cause })
    this.code = refusal.code
    this.retry = refusal.retry
    this.field = refusal.field
    this.retryMs = refusal.retry_ms
    this.ref = refusal.ref
    this.data = refusal.data
    this.close = refusal.close
  }
}

/** An error of the server's kind that the client makes itself. */
export function errorBody(code: ErrorCode, msg: string): ErrorBody {
  return { code, msg, retry: ERRORS[code].retry }
}

/** An error that only a client has. */
export function local(code: LocalCode, msg: string, cause?: unknown): CarillonError {
  return new CarillonError({ code, msg, retry: code === 'E_OFFLINE' ? 'after' : 'no' }, cause)
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** What the client does about an error of the server. */
export type Step =
  /** Give it to the caller. */
  | { do: 'fail' }
  /** Send the same again after so many milliseconds: the same `cid`, or the same arguments. */
  | { do: 'again'; ms: number }
  /** Forget the `sync` token, connect anew, then send the same again. */
  | { do: 'resync' }

/** The retry table. `attempt` counts the tries before this one. */
export function step(error: ErrorBody, attempt: number): Step {
  switch (error.retry) {
    case 'same':
      return { do: 'again', ms: backoff(attempt) }
    case 'after':
      return {
        do: 'again',
        ms:
          error.retry_ms === undefined ? backoff(attempt) : Math.max(error.retry_ms, RETRY_MS_MIN),
      }
    case 'resync':
      return { do: 'resync' }
    default:
      // A new token or a new client is somebody else's business than the failed call's.
      return { do: 'fail' }
  }
}

/**
 * Full jitter: anything between nothing and a bound that doubles, so that clients which lost their
 * server together do not come back together.
 */
export function backoff(attempt: number): number {
  const bound = Math.min(BACKOFF_MS_FIRST * 2 ** Math.min(attempt, 6), BACKOFF_MS_MAX)
  return Math.random() * bound
}

/**
 * The wait before the next connection: never less than the server says, and more by chance,
 * because it may say the same to all of its clients, and may say 0.
 */
export function reconnectIn(retryMs: number | undefined, attempt: number): number {
  return retryMs === undefined ? backoff(attempt) : retryMs + backoff(0)
}
