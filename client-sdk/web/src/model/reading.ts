/** What was on the screen long enough to count as read, and telling the server. */

import { CarillonError, type ConvId, type ConvReadDone, type Event } from '@carillon/client'
import type { Door } from './door.ts'
import { isShown } from './event.ts'

/** A message is read once it was on the screen for so long. */
export const READ_MS = 500

/** Which messages are on the screen, and since when. Knows neither clock nor screen. */
export class Gaze {
  readonly #since = new Map<number, number>()
  #open = true
  #line = false

  /** A message has come into sight. */
  see(seq: number, now: number): void {
    if (!this.#since.has(seq)) this.#since.set(seq, now)
  }

  /** It has left it: a glance was no reading. */
  lose(seq: number): void {
    this.#since.delete(seq)
  }

  /** The line above what is new has come into sight, or has left it. */
  line(inSight: boolean): void {
    this.#line = inSight
  }

  /** Whether the person has that line before the eyes: it need not be found any more. */
  get atLine(): boolean {
    return this.#open && this.#line
  }

  /** The screen is about to change: what stays on it is in sight from now on. */
  restart(now: number): void {
    for (const [seq, since] of this.#since) {
      // What was told stays told.
      if (since !== Number.POSITIVE_INFINITY) this.#since.set(seq, now)
    }
  }

  /** The person has turned to something else, or back: the time begins anew. */
  look(open: boolean, now: number): void {
    this.#open = open
    for (const seq of this.#since.keys()) this.#since.set(seq, now)
  }

  /** Takes what has been in sight long enough. */
  take(now: number): number[] {
    if (!this.#open) return []
    const read = [...this.#since].filter(([, since]) => now - since >= READ_MS)
    // It stays in sight, but is told once.
    for (const [seq] of read) this.#since.set(seq, Number.POSITIVE_INFINITY)
    return read.map(([seq]) => seq)
  }

  /** In how long something has been in sight long enough; `undefined` if nothing waits. */
  due(now: number): number | undefined {
    if (!this.#open || this.#since.size === 0) return undefined
    const first = Math.min(...this.#since.values())
    return first === Number.POSITIVE_INFINITY ? undefined : Math.max(0, first + READ_MS - now)
  }
}

export interface Span {
  readonly from: number
  readonly seq: number
}

/**
 * Spans of what was seen. What lies between two rows and shows nothing belongs to both; a row that
 * was not seen parts them.
 */
export function spansOf(events: readonly Event[], seen: ReadonlySet<number>): Span[] {
  const spans: Span[] = []
  let from: number | undefined
  let to = 0
  for (const event of events) {
    if (!isShown(event)) continue
    if (seen.has(event.seq)) {
      from ??= event.seq
      to = event.seq
    } else if (from !== undefined) {
      spans.push({ from, seq: to })
      from = undefined
    }
  }
  if (from !== undefined) spans.push({ from, seq: to })
  return spans
}

/** So many positions of a conversation are remembered as told. */
const TOLD_MAX = 5_000

/** What is read of one conversation; one call at a time, and what is read meanwhile goes next. */
export class Reading {
  readonly #door: Door
  readonly #conv: ConvId
  readonly #done: (done: ConvReadDone) => void
  readonly #told = new Set<number>()
  #waiting: Span[] = []
  #busy = false

  constructor(door: Door, conv: ConvId, done: (done: ConvReadDone) => void) {
    this.#door = door
    this.#conv = conv
    this.#done = done
  }

  /** These were on the screen; `events` are what is between them. */
  saw(seqs: readonly number[], events: readonly Event[]): void {
    const fresh = seqs.filter(seq => !this.#told.has(seq))
    if (fresh.length === 0) return
    if (this.#told.size > TOLD_MAX) this.#told.clear()
    for (const seq of fresh) this.#told.add(seq)
    this.#waiting.push(...spansOf(events, new Set(seqs)))
    void this.#tell()
  }

  async #tell(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    while (this.#waiting.length > 0) {
      const [span, ...rest] = joined(this.#waiting)
      this.#waiting = rest
      if (!span) break
      try {
        this.#done(await this.#door.call('conv.read', { conv: this.#conv, ...span }))
      } catch (error) {
        // The client has tried for as long as it made sense: the person is no longer in there, or
        // the window is closing. What was not told is simply not read.
        if (!(error instanceof CarillonError)) throw error
        this.#told.clear()
        this.#waiting = []
      }
    }
    this.#busy = false
  }
}

/** Spans that touch are one; the oldest first. */
export function joined(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((a, b) => a.from - b.from)
  const result: Span[] = []
  for (const span of sorted) {
    const last = result.at(-1)
    if (last && span.from <= last.seq + 1) {
      result[result.length - 1] = { from: last.from, seq: Math.max(last.seq, span.seq) }
    } else result.push(span)
  }
  return result
}
