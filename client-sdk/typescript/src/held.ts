/** What the client holds of one topic. */

import type { Event } from './protocol.ts'

/** The state of a topic; `sync.ts` moves it. */
export class Held {
  /** Every event up to here was delivered, or is not for this person to see. */
  have: number
  /** Events up to here are known to exist. */
  want: number
  /** Events beyond `have + 1`, and for a moment the one at it. */
  readonly early = new Map<number, Event>()
  /** When to ask the log, if the topic is behind. */
  due: number
  /** The `want` with which the log was asked. */
  reading: number | undefined
  /** The log was asked before the topic was set back: the answer is of no use. */
  stale = false
  /** The server has spoken of the topic on this connection. */
  heard = false
  /** Where the story begins is not known yet: it is looked for in the log before this position. */
  joining: number | undefined
  /** The server has left out events. */
  dirty = false

  constructor(have: number, due: number) {
    this.have = have
    this.want = have
    this.due = due
  }
}
