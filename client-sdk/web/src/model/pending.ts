/** Own messages that are not in the log yet: those in the outbox, and those just answered. */

import type { Cid, ConvId, ErrorBody, Queued, UserId } from '@carillon/client'
import { mentionsOf } from './event.ts'

export interface Pending {
  readonly cid: Cid
  readonly conv: ConvId
  readonly text: string
  readonly mentions: readonly UserId[]
  readonly everybody: boolean
  readonly replyTo: number | undefined
  /** When it was written. */
  readonly at: number
  /** Why the server refused it. */
  readonly refused: ErrorBody | undefined
  /** The server has it; its event is on the way. */
  readonly landing: boolean
}

/** So many messages may be on the way between their answer and their event. */
const LANDING_MAX = 100
/** So many own messages are remembered whose events came before their answers. */
const LANDED_MAX = 200

/**
 * A message leaves the outbox when it is answered, and its event may come before or after. It is
 * shown all the time, and once.
 */
export class Waiting {
  #outbox: readonly Pending[] = []
  #landing: Pending[] = []
  readonly #landed = new Set<Cid>()

  /** Everything to show, oldest first. */
  get all(): readonly Pending[] {
    return [...this.#landing, ...this.#outbox.filter(({ cid }) => !this.#landed.has(cid))]
  }

  /** The outbox has changed. */
  outbox(queued: readonly Queued[]): void {
    const before = new Map(this.#outbox.map(pending => [pending.cid, pending]))
    this.#outbox = queued.map(entry => same(before.get(entry.cid), entry) ?? pendingOf(entry))
    for (const { cid } of this.#outbox) before.delete(cid)
    // Only a refused message can be discarded: the others left because they were answered.
    const answered = [...before.values()].filter(
      ({ cid, refused }) => !refused && !this.#landed.has(cid),
    )
    const landing = answered.map(pending => ({ ...pending, landing: true }))
    this.#landing = [...this.#landing, ...landing].slice(-LANDING_MAX)
  }

  /** The event of an own message is there. */
  landed(cid: Cid): void {
    this.#landing = this.#landing.filter(pending => pending.cid !== cid)
    this.#landed.add(cid)
    const [oldest] = this.#landed
    if (this.#landed.size > LANDED_MAX && oldest) this.#landed.delete(oldest)
  }

  /** Everything that was on the way has arrived, here or in an earlier run. */
  allLanded(): void {
    this.#landing = []
  }
}

/** What is the same as before stays the same object, so that nothing is drawn again. */
function same(before: Pending | undefined, entry: Queued): Pending | undefined {
  return before && before.refused === entry.refused ? before : undefined
}

function pendingOf({ cid, conv, message, queuedAt, refused }: Queued): Pending {
  // People write texts here; what a program would put into this outbox is not a person's.
  const { body, reply_to: replyTo, everybody = false } = message
  const text = body.kind === 'card' ? '' : body.text
  const mentions = mentionsOf(body)
  return { cid, conv, text, mentions, everybody, replyTo, at: queuedAt, refused, landing: false }
}
