/**
 * The outbox: messages that are kept until the server has answered them, sent by one client of all
 * that share the state. The state is the truth: whatever changed in it is read again.
 */

import { after } from './clock.ts'
import { CarillonError, errorBody, local, reasonOf } from './error.ts'
import { encode, exceeds } from './frame.ts'
import { Lanes, type Outgoing } from './lanes.ts'
import { type Cid, type ErrorBody, LIMITS, type MsgSend, type MsgSent } from './protocol.ts'
import type { Answer, Kept, Queued, Store } from './state.ts'

/** After a failed write of an answer, the next try. */
const SETTLE_AGAIN_MS = 5_000

/** A message that the outbox has taken: it is on disk, if the state is. */
export interface Receipt {
  /** The id of the intent; the message's event carries it. */
  readonly cid: Cid
  /**
   * The server's answer, however often the connection is lost. Rejects if the server refuses the
   * message, or the client ends before the answer; not to look at it is no fault.
   */
  readonly sent: Promise<MsgSent>
}

/** Who hears what happens to the outbox. */
export interface OutboxHearer {
  /** There may be something to send. */
  ready(): void
  /** `outbox.entries` changed. */
  changed(): void
  refused(entry: Queued, error: ErrorBody): void
  /** The state cannot be read any more. */
  failed(error: CarillonError): void
}

interface Waiting {
  resolve: (sent: MsgSent) => void
  reject: (error: CarillonError) => void
}

interface Settling {
  answer: Answer
  written: Promise<void>
}

/** The messages that are not answered, and those that were refused. */
export class Outbox {
  /** Every message, oldest first. */
  entries: readonly Queued[] = []
  readonly #store: Store
  readonly #hearer: OutboxHearer
  readonly #lanes = new Lanes()
  /** What was read last. */
  #kept: Kept = { entries: [], answers: new Map() }
  /** Those who waited when that was read: it tells of their messages, and of no later ones. */
  #asked: ReadonlySet<Cid> = new Set()
  /** Answers that are being written down: they count already. */
  readonly #settling = new Map<Cid, Settling>()
  /** Those who wait for a message to be answered. */
  readonly #waiting = new Map<Cid, Waiting[]>()
  #leads = false
  #online = false
  #ended: CarillonError | undefined
  #reading: Promise<void> | undefined
  #stale = false
  readonly #end = new AbortController()

  constructor(store: Store, hearer: OutboxHearer) {
    this.#store = store
    this.#hearer = hearer
  }

  /** Reads what was kept. */
  async load(): Promise<void> {
    this.#kept = await this.#store.kept([])
    this.entries = this.#kept.entries
    this.#store.watch(() => void this.#reload())
  }

  /** Takes a message; when this resolves, it is kept. */
  async queue(message: MsgSend, cid: Cid): Promise<Receipt> {
    if (this.#ended) throw this.#ended
    // Its frame at its longest: what is taken now is not refused for its length later. It also
    // bounds what a client without a connection holds.
    const longest = { t: 'call', id: LIMITS.INT_MAX, op: 'msg.send', cid, prev: cid } as const
    const frame = encode({ ...longest, args: message })
    if (exceeds(frame, LIMITS.FRAME_LEN_MAX)) {
      const msg = `a message may have ${LIMITS.FRAME_LEN_MAX} bytes: shorten it`
      throw new CarillonError(errorBody('E_TOO_LARGE', msg))
    }
    // A copy: whatever the program does with its own, the message stays what it is.
    const own: MsgSend = JSON.parse(JSON.stringify(message))
    await this.#settling.get(cid)?.written
    // Whoever writes here does not wait for a page in the background to send it.
    if (this.#online && !this.#leads) this.#lead(true)
    await this.#store.add({ cid, conv: own.conv, message: own, queuedAt: Date.now() })
    const sent = this.#wait(cid)
    await this.#reload()
    return { cid, sent }
  }

  #wait(cid: Cid): Promise<MsgSent> {
    const sent = new Promise<MsgSent>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      this.#waiting.set(cid, [...(this.#waiting.get(cid) ?? []), { resolve, reject }])
    })
    // The refusal is in `entries` and was announced: nobody has to look at this promise too.
    sent.catch(() => {})
    return sent
  }

  /** Forgets a refused message. */
  async discard(cid: Cid): Promise<void> {
    await this.#settling.get(cid)?.written
    await this.#store.discard(cid)
    await this.#reload()
  }

  /** A connection is there, and it is the right person's. */
  online(): void {
    this.#online = true
    this.#lead(false)
  }

  /** The connection is gone: another window may have one. */
  offline(): void {
    this.#online = false
    this.#store.yield()
    this.#standBack()
  }

  #lead(take: boolean): void {
    this.#store.lead(take, {
      began: () => {
        this.#leads = true
        void this.#reload()
      },
      ended: () => {
        this.#standBack()
        // In line again, for when the other one has gone.
        if (this.#online) this.#lead(false)
      },
    })
  }

  #standBack(): void {
    this.#leads = false
    this.#lanes.clear()
  }

  /** Reads the state again; never rejects. */
  #reload(): Promise<void> {
    this.#stale = true
    this.#reading ??= this.#read()
    return this.#reading
  }

  async #read(): Promise<void> {
    try {
      while (this.#stale) {
        this.#stale = false
        const asked = new Set(this.#waiting.keys())
        this.#kept = await this.#store.kept(asked)
        this.#asked = asked
        this.#show()
      }
    } catch (thrown) {
      this.#hearer.failed(storageError(thrown))
    } finally {
      // At once: whoever asks from here on is not answered by this reading.
      this.#reading = undefined
    }
  }

  /** Makes of what was read, and of what is being written, what is to be seen and to be sent. */
  #show(): void {
    const before = this.entries
    this.entries = this.#kept.entries.flatMap(entry => this.#answeredEntry(entry))
    const refusedBefore = new Set(before.filter(entry => entry.refused).map(entry => entry.cid))
    for (const entry of this.entries) {
      if (!entry.refused || refusedBefore.has(entry.cid)) continue
      this.#hearer.refused(entry, entry.refused)
    }
    if (!same(before, this.entries)) this.#hearer.changed()
    this.#tellWaiting()
    if (this.#leads) this.#lanes.take(this.entries.filter(entry => !entry.refused))
    this.#hearer.ready()
  }

  #answeredEntry(entry: Queued): Queued[] {
    const answer = this.#settling.get(entry.cid)?.answer
    if (!answer) return [entry]
    return 'refused' in answer ? [{ ...entry, refused: answer.refused }] : []
  }

  #tellWaiting(): void {
    if (this.#waiting.size === 0) return
    const there = new Map(this.entries.map(entry => [entry.cid, entry]))
    for (const cid of [...this.#waiting.keys()]) {
      const answer = this.#settling.get(cid)?.answer
      const sent = this.#kept.answers.get(cid)
      const refused = there.get(cid)?.refused
      if (answer) this.#tell(cid, answer)
      else if (refused) this.#tell(cid, { refused })
      else if (sent) this.#tell(cid, { sent })
      else if (!there.has(cid) && this.#asked.has(cid)) {
        const msg = 'another window sent or discarded the message, and its answer is not kept'
        this.#tell(cid, { refused: { ...errorBody('E_TIMEOUT_UNKNOWN', msg), retry: 'no' } })
      }
    }
  }

  #tell(cid: Cid, answer: Answer): void {
    const waiting = this.#waiting.get(cid) ?? []
    this.#waiting.delete(cid)
    for (const { resolve, reject } of waiting) {
      if ('sent' in answer) resolve(answer.sent)
      else reject(new CarillonError(answer.refused))
    }
  }

  /** The next message to send, if this client is the one to do that. */
  next(now: number): Outgoing | undefined {
    return this.#leads && this.#online ? this.#lanes.next(now) : undefined
  }

  /** When `next` has something after a wait. */
  due(now: number): number | undefined {
    return this.#leads && this.#online ? this.#lanes.due(now) : undefined
  }

  /** How often this message was tried in vain. */
  attempts(cid: Cid): number {
    return this.#lanes.attempts(cid)
  }

  /** The server asks to send a message again, not before `at`. */
  again(cid: Cid, at: number): void {
    this.#lanes.again(cid, at)
  }

  /** The server does not have the message before this one. */
  prevMissing(cid: Cid, now: number): void {
    this.#lanes.prevMissing(cid, now)
  }

  /** The server has answered a message for good. */
  answered(cid: Cid, answer: Answer): void {
    // Where another window has taken over, that one hears the refusal of what it sends itself.
    if ('refused' in answer && !this.#lanes.has(cid)) return
    this.#lanes.answered(cid)
    this.#settling.set(cid, { answer, written: this.#settle(cid, answer) })
    this.#show()
  }

  /** Writes an answer down, however long that takes; never rejects. */
  async #settle(cid: Cid, answer: Answer): Promise<void> {
    for (;;) {
      try {
        await this.#store.settle(cid, answer)
        break
      } catch {
        // A message that is still there is sent again at the next start and not written twice:
        // nobody is in trouble, and another try may do.
        if (this.#ended) return
        await pause(SETTLE_AGAIN_MS, this.#end.signal)
      }
    }
    // What is read from here on shows the answer.
    await this.#reload()
    this.#settling.delete(cid)
    this.#show()
  }

  /** The client has ended: nobody is told of a message any more. */
  end(error: CarillonError): void {
    if (this.#ended) return
    this.#ended = error
    this.offline()
    this.#end.abort()
    const waiting = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
  }
}

/** Whatever a state throws, as an error of this package. */
export function storageError(thrown: unknown): CarillonError {
  if (thrown instanceof CarillonError) return thrown
  return local('E_STORAGE', `the state cannot be used: ${reasonOf(thrown)}`, thrown)
}

function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = after(ms, resolve)
    end.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function same(before: readonly Queued[], after: readonly Queued[]): boolean {
  const equal = (one: Queued, other: Queued | undefined) =>
    one.cid === other?.cid && !one.refused === !other.refused
  return before.length === after.length && before.every((entry, at) => equal(entry, after[at]))
}
