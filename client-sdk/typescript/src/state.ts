/** What a client keeps between two starts, and where. */

import { type CarillonError, local } from './error.ts'
import { newId } from './id.ts'
import type { Cid, ConvId, DeviceId, ErrorBody, MsgSend, MsgSent, UserId } from './protocol.ts'

/** Messages that wait for an answer; beyond, writing is refused: hours of typing fit. */
export const OUTBOX_LENGTH_MAX = 1_000
/** Refused messages that are kept until they are discarded; the oldest make room. */
export const REFUSED_MAX = 100
/** Answers that are kept for the window in which the message was written. */
export const ANSWERS_MAX = 1_000

/** A message in the outbox. */
export interface Queued {
  /** The id of the intent; the message's event carries it. */
  readonly cid: Cid
  readonly conv: ConvId
  readonly message: MsgSend
  /** When it was given to the outbox, in milliseconds since the epoch. */
  readonly queuedAt: number
  /** Why the server refused it for good. It is kept until it is discarded or queued again. */
  readonly refused?: ErrorBody
}

/** How the server answered a message for good. */
export type Answer = { sent: MsgSent } | { refused: ErrorBody }

/** How far the reader of `events()` has dealt with what came. */
export interface Progress {
  /** The token up to which everything was dealt with. */
  sync?: string
  /** For each topic the last event that was dealt with. */
  topics: Record<string, number>
}

/** The outbox as it is kept. */
export interface Kept {
  /** Every message, oldest first. */
  entries: readonly Queued[]
  /** What became of the messages that were asked for, of those that are gone from the outbox. */
  answers: ReadonlyMap<Cid, MsgSent>
}

/** Being the one client that sends the outbox. */
export interface Turn {
  began(): void
  /** Somebody else has taken it. */
  ended(): void
}

/** An opened state. Whatever cannot be read or written is an `E_STORAGE`. */
export interface Store {
  /** The installation. */
  readonly device: DeviceId
  /** Whether several clients may have it open. */
  readonly shared: boolean
  /** The progress as it was found. */
  readonly progress: Progress
  /** Whose state this is, if that was known when it was opened. */
  readonly owner: UserId | undefined
  /** Whose state this is; whoever asks first keeps it. */
  claim(user: UserId): Promise<UserId>
  /** The outbox as it is, and the answers of some messages. */
  kept(asked: Iterable<Cid>): Promise<Kept>
  /**
   * Takes a message at the end of the outbox: when this resolves, it is on disk. One that is there
   * keeps its place, unless it was refused. Fails with `E_OUTBOX_FULL`.
   */
  add(message: Queued): Promise<void>
  /** Writes down how a message was answered for good. */
  settle(cid: Cid, answer: Answer): Promise<void>
  /** Removes a refused message. */
  discard(cid: Cid): Promise<void>
  save(progress: Progress): Promise<void>
  /** Asks for the turn to send; `take` takes it from whoever has it. Replaces an earlier ask. */
  lead(take: boolean, turn: Turn): void
  /** Gives the turn back, or asks no more. */
  yield(): void
  /** Calls when another client has changed the outbox. */
  watch(changed: () => void): void
  close(): Promise<void>
}

/** Where a client keeps its outbox, its device's id and its progress. */
export interface State {
  /** Opens it for a client. */
  open(): Promise<Store>
}

/** The outbox of a state that only one client has open, in memory. */
export class Shelf {
  readonly #entries = new Map<Cid, Queued>()
  readonly #answers = new Map<Cid, MsgSent>()

  constructor(entries: Iterable<Queued> = []) {
    for (const entry of entries) this.#entries.set(entry.cid, entry)
  }

  get entries(): Queued[] {
    return [...this.#entries.values()]
  }

  get kept(): Kept {
    return { entries: this.entries, answers: this.#answers }
  }

  /**
   * Whether this message is to be taken, after so many that are on their way: `false` if it is
   * there already.
   */
  admits(cid: Cid, coming: number): boolean {
    const there = this.#entries.get(cid)
    if (there && !there.refused) return false
    const waiting = this.entries.filter(entry => !entry.refused)
    if (waiting.length + coming >= OUTBOX_LENGTH_MAX) throw outboxFull()
    return true
  }

  add(entry: Queued): void {
    this.#entries.delete(entry.cid)
    this.#answers.delete(entry.cid)
    this.#entries.set(entry.cid, entry)
  }

  settle(cid: Cid, answer: Answer): void {
    const entry = this.#entries.get(cid)
    if ('sent' in answer) {
      this.#entries.delete(cid)
      this.#answers.set(cid, answer.sent)
      dropOldest(this.#answers, this.#answers.size - ANSWERS_MAX)
    } else if (entry) {
      this.#entries.set(cid, { ...entry, refused: answer.refused })
      const refused = this.entries.filter(entry => entry.refused)
      for (const old of refused.slice(0, -REFUSED_MAX)) this.#entries.delete(old.cid)
    }
  }

  discard(cid: Cid): void {
    if (this.#entries.get(cid)?.refused) this.#entries.delete(cid)
  }
}

function dropOldest(map: Map<string, unknown>, count: number): void {
  for (const key of [...map.keys()].slice(0, Math.max(0, count))) map.delete(key)
}

export function outboxFull(): CarillonError {
  const msg = `the outbox is full: wait until some of its ${OUTBOX_LENGTH_MAX} messages are sent`
  return local('E_OUTBOX_FULL', msg)
}

/** A state that ends with the client. */
export function memory(): State {
  return { open: async () => memoryStore() }
}

function memoryStore(): Store {
  const shelf = new Shelf()
  return {
    device: newId(),
    shared: false,
    progress: { topics: {} },
    owner: undefined,
    claim: async user => user,
    kept: async () => shelf.kept,
    async add(entry) {
      if (shelf.admits(entry.cid, 0)) shelf.add(entry)
    },
    settle: async (cid, answer) => shelf.settle(cid, answer),
    discard: async cid => shelf.discard(cid),
    save: async () => {},
    lead: (_take, turn) => turn.began(),
    yield: () => {},
    watch: () => {},
    close: async () => {},
  }
}
