/** Frames as text: what the server says is checked before anything relies on it. */

import { CarillonError } from './error.ts'
import type { ClientFrame, ErrorBody, LogPage, MsgSent, Retry, ServerFrame } from './protocol.ts'

type Fields = Record<string, unknown>
type Check = (value: unknown) => boolean

const TOPIC = /^[cuo]:[0-7][0-9A-HJKMNP-TV-Z]{25}$|^x:[a-z0-9_]{1,32}:[^\p{Cc}]{1,64}$/u
const RETRIES: readonly string[] = [
  'no',
  'same',
  'after',
  'reauth',
  'resync',
  'upgrade',
] satisfies Retry[]

const text: Check = value => typeof value === 'string'
const flag: Check = value => typeof value === 'boolean'
const integer: Check = value => Number.isSafeInteger(value)
const whole: Check = value => Number.isSafeInteger(value) && (value as number) >= 0
const topic: Check = value => typeof value === 'string' && TOPIC.test(value)
const list = (check: Check): Check => {
  return value => Array.isArray(value) && value.every(check)
}
const maybe = (check: Check): Check => {
  return value => value === undefined || value === null || check(value)
}
const pair = (first: Check, second: Check): Check => {
  return value => Array.isArray(value) && first(value[0]) && second(value[1])
}
const object = (fields: Record<string, Check>): Check => {
  const checks = Object.entries(fields)
  return value => isObject(value) && checks.every(([name, check]) => check(value[name]))
}

const event = object({
  topic,
  seq: whole,
  n: whole,
  k: text,
  id: text,
  by: text,
  at: integer,
  cid: maybe(text),
})
const topicPage = object({
  topic,
  head: whole,
  n: whole,
  read_seq: maybe(whole),
  unread: maybe(whole),
  last: list(event),
})
const limits = object({ frame: whole, writes_per_s: whole, reads_per_s: whole })
const logPage = object({ events: list(event), head: whole, more: flag, floor: whole })
const sent = object({ seq: whole, id: text, at: integer, dup: flag })

/** What each frame must have for the client to rely on it. */
const FRAMES: Record<Exclude<ServerFrame['t'], 'err'>, Check> = {
  welcome: object({
    session: text,
    hb_ms: whole,
    caps: list(text),
    limits,
    now: integer,
    user: text,
    org: text,
    server: text,
  }),
  ok: object({ re: whole }),
  call: object({
    id: whole,
    op: text,
    cid: maybe(text),
    caller: object({ user: text, org: text }),
  }),
  pong: object({ now: integer }),
  ev: event,
  heard: event,
  eph: object({ k: text, topic: maybe(topic) }),
  dirty: object({ topics: list(pair(topic, whole)) }),
  page: object({ topics: list(topicPage) }),
  synced: object({ sync: text }),
  bye: object({ code: whole, retry_ms: maybe(whole), reason: maybe(text) }),
}

/**
 * Reads a frame of the server; `undefined` if its `t` is one that this version does not know.
 *
 * @throws {CarillonError} `E_BAD_FRAME` if it is no frame, and nothing else ever.
 */
export function decode(frame: string): ServerFrame | undefined {
  const value = parse(frame)
  const t = isObject(value) ? value.t : undefined
  if (!isObject(value) || typeof t !== 'string') throw badFrame('it is not a map with `t`')
  if (t === 'err') return decodeError(value)
  if (!Object.hasOwn(FRAMES, t)) return undefined
  if (!FRAMES[t as keyof typeof FRAMES](value)) {
    throw badFrame(`a field of \`${t}\` is missing or wrong`)
  }
  return value as unknown as ServerFrame
}

function decodeError(value: Fields): ServerFrame {
  const body = readErrorBody(value)
  if (!body || !maybe(whole)(value.re)) throw badFrame('a field of `err` is missing or wrong')
  return typeof value.re === 'number' ? { t: 'err', re: value.re, ...body } : { t: 'err', ...body }
}

/** An error body; `undefined` if the value is none. A code that is not known yet will do. */
export function readErrorBody(value: unknown): ErrorBody | undefined {
  if (!isObject(value)) return undefined
  const { code, msg, retry, retry_ms, field, ref, data } = value
  if (!text(code) || !text(msg) || !RETRIES.includes(retry as string)) return undefined
  const body: Fields = { code, msg, retry }
  if (whole(retry_ms)) body.retry_ms = retry_ms
  if (text(field)) body.field = field
  if (text(ref)) body.ref = ref
  if (data !== undefined && data !== null) body.data = data
  return body as unknown as ErrorBody
}

/** The answer of `log.read`; `undefined` if it is none. */
export function readLogPage(value: unknown): LogPage | undefined {
  return logPage(value) ? (value as LogPage) : undefined
}

/** The answer of `msg.send`; `undefined` if it is none. */
export function readSent(value: unknown): MsgSent | undefined {
  return sent(value) ? (value as MsgSent) : undefined
}

/** Writes a frame. */
export function encode(frame: ClientFrame): string {
  return JSON.stringify(frame)
}

const utf8 = new TextEncoder()

/** Whether a frame is longer on the wire than so many bytes. */
export function exceeds(frame: string, bytes: number): boolean {
  // A unit of UTF-16 has at most three bytes in UTF-8: most frames need not be counted.
  return frame.length * 3 > bytes && utf8.encode(frame).length > bytes
}

function parse(frame: string): unknown {
  try {
    return JSON.parse(frame)
  } catch (thrown) {
    throw badFrame('it is not JSON', thrown)
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function badFrame(why: string, cause?: unknown): CarillonError {
  const msg = `a frame of the server cannot be read: ${why}`
  return new CarillonError({ code: 'E_BAD_FRAME', msg, retry: 'no' }, cause)
}
