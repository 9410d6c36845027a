/** The operations that a program answers itself. */

import { CarillonError, errorBody } from './error.ts'
import { encode, exceeds } from './frame.ts'
import type { Asked, ClientFrame, ErrorBody } from './protocol.ts'

/**
 * Answers a call of an operation of the program's own. The same intent, as `cid` names it, may
 * come more than once.
 *
 * A `CarillonError` with a code like `E_BAD_ARG`, `E_NOT_FOUND`, `E_CONFLICT` or `E_FORBIDDEN` is
 * told to the caller; whatever else is thrown says that the program failed. An answer takes at
 * most 10 seconds and fits into a frame.
 */
export type Handler = (args: unknown, asked: Asked) => unknown

/** By the names of the operations, `app.{name}.{verb}`. */
export type Handlers = Readonly<Record<string, Handler>>

/** The frame that answers a call of the server. */
export async function answer(handlers: Handlers, asked: Asked, bytes: number): Promise<string> {
  const { id: re } = asked
  let frame: string
  try {
    frame = encode({ t: 'ok', re, data: (await handle(handlers, asked)) ?? {} })
  } catch (thrown) {
    return encode(refusal(re, thrown))
  }
  if (!exceeds(frame, bytes)) return frame
  const error = errorBody('E_TOO_LARGE', `a frame may have ${bytes} bytes: answer less at once`)
  return encode({ t: 'err', re, ...error })
}

function handle(handlers: Handlers, asked: Asked): unknown {
  const handler = Object.hasOwn(handlers, asked.op) ? handlers[asked.op] : undefined
  if (handler) return handler(asked.args ?? {}, asked)
  throw new CarillonError(errorBody('E_NOT_FOUND', `this program does not answer ${asked.op}`))
}

function refusal(re: number, thrown: unknown): ClientFrame {
  if (!(thrown instanceof CarillonError)) {
    return { t: 'err', re, ...errorBody('E_UNAVAILABLE', 'the program failed') }
  }
  const { code, message: msg, retry, field } = thrown
  const error = { code, msg, retry, ...(field !== undefined && { field }) } as ErrorBody
  return { t: 'err', re, ...error }
}
