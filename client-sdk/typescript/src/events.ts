/**
 * What the program hears, and how far it has come with it.
 *
 * Listeners hear at once and count nothing. The one reader has a bounded queue: when it is slow,
 * events are left in the server's log and read from there once there is room, and what matters
 * only now is dropped. The connection waits for nobody.
 */

import type { CarillonError } from './error.ts'
import type { Cid, ConvId, Ephemeral, ErrorBody, Event, Topic, TopicPage } from './protocol.ts'
import type { Progress } from './state.ts'

/** Updates that wait for the reader: several pages of the log. */
const QUEUE_LENGTH = 1_024
/** Places in the queue that events leave to the state of the connection and of the outbox. */
const RESERVE = 24
/** The queue has room again when it takes a page of the log. */
const ROOM_MIN = 200

/** The connection, or the way to one. */
export type Connection =
  | { state: 'connecting' }
  | { state: 'online' }
  /** `retryAt` is when the client tries again, in milliseconds since the epoch. */
  | { state: 'offline'; retryAt: number; reason: string }
  /** The client has given up; `error.retry` is `reauth` if somebody has to sign in again. */
  | { state: 'ended'; error: CarillonError }

/** What the program hears. */
export type Update =
  /**
   * A durable event: in order within its topic, each once. After a crash, events that the reader
   * had taken but whose successor it had not asked for come again.
   */
  | { kind: 'event'; event: Event }
  /** Something that matters only now; may be missing. */
  | { kind: 'ephemeral'; ephemeral: Ephemeral }
  /**
   * A topic of the catch-up, with its newest events and what is unread: for a first screen. Its
   * events come as `event` too, if they are news. May be missing for a reader that is slow.
   */
  | { kind: 'topic'; page: TopicPage }
  /** The connection changed. */
  | { kind: 'connection'; connection: Connection }
  /** Everything that happened while the client was away has been delivered. */
  | { kind: 'synced' }
  /** Events of this topic that the server had left out have been delivered. */
  | { kind: 'repaired'; topic: Topic }
  /**
   * What was known of this topic beyond `head` is void: the server was set back to a backup. What
   * comes next begins after `head`.
   */
  | { kind: 'reset'; topic: Topic; head: number }
  /** The topic is not this person's to know of any more. */
  | { kind: 'gone'; topic: Topic }
  /** `client.outbox` changed. */
  | { kind: 'outbox' }
  /** A message of the outbox was refused for good: it stays there until it is discarded. */
  | { kind: 'refused'; cid: Cid; conv: ConvId; error: ErrorBody }

/** What is written down once the reader has dealt with an update. */
export type Mark =
  | { at: 'topic'; topic: Topic; seq: number }
  | { at: 'gone'; topic: Topic }
  | { at: 'sync'; token: string }

/**
 * Who hears. Until there is somebody, everything waits. What listeners heard counts as dealt with;
 * of what a reader left behind nobody knows.
 */
type Hearers = 'none yet' | 'listeners' | 'reader' | 'reader left'

interface Item {
  update: Update
  marks: Mark[]
}

type Take = {
  resolve: (result: IteratorResult<Update>) => void
  reject: (error: CarillonError) => void
}

/** Gives updates to whoever hears them. */
export class Feed {
  /** Called when there is room again for a page of the log. */
  onRoom: () => void = () => {}
  /** Called when the reader's progress has gone on. */
  onProgress: () => void = () => {}
  #hearers: Hearers = 'none yet'
  readonly #listeners = new Set<(update: Update) => void>()
  #queue: Item[] = []
  /** What the reader has and may not have dealt with yet. */
  #taken: Item | undefined
  #takes: Take[] = []
  #end: { error: CarillonError | undefined } | undefined
  readonly #progress: Progress
  /** Whether there ever was a reader: without one, nobody's progress is kept. */
  #reads = false
  #unsaved = false

  constructor(progress: Progress) {
    this.#progress = progress
  }

  /** Adds a listener; the first one hears what has waited for somebody, a moment later. */
  listen(listener: (update: Update) => void): () => void {
    // Of its own for each call: the same function may listen twice.
    const own = (update: Update) => listener(update)
    this.#listeners.add(own)
    if (this.#hearers === 'none yet') {
      this.#hearers = 'listeners'
      queueMicrotask(() => this.#passOn())
    }
    return () => this.#listeners.delete(own)
  }

  /** Gives the listeners what has waited for them. */
  #passOn(): void {
    if (this.#hearers !== 'listeners') return
    for (const { update, marks } of this.#queue.splice(0)) {
      for (const mark of marks) this.#write(mark)
      this.#tell(update)
    }
    this.onRoom()
  }

  /** The stream for the one reader. */
  read(): AsyncIterableIterator<Update> {
    if (this.#reads) throw new Error('a client has one reader of its events, and it has been')
    this.#passOn()
    this.#hearers = 'reader'
    this.#reads = true
    const stream: AsyncIterableIterator<Update> = {
      next: () => this.#next(),
      return: async () => {
        this.#leave()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]: () => stream,
    }
    return stream
  }

  #next(): Promise<IteratorResult<Update>> {
    this.#deal()
    return new Promise((resolve, reject) => {
      this.#takes.push({ resolve, reject })
      this.#hand()
    })
  }

  /** The update that was taken has been dealt with. */
  #deal(): void {
    if (!this.#taken) return
    for (const mark of this.#taken.marks) this.#write(mark)
    this.#taken = undefined
  }

  /** Hands the reader what there is for it. */
  #hand(): void {
    while (this.#takes.length > 0) {
      const item = this.#queue.shift()
      if (!item && !this.#end) return
      const take = this.#takes.shift()
      if (item) {
        this.#deal()
        this.#taken = item
        take?.resolve({ done: false, value: item.update })
        if (this.room() === ROOM_MIN) this.onRoom()
      } else if (this.#end?.error) {
        take?.reject(this.#end.error)
        this.#end.error = undefined
      } else {
        take?.resolve({ done: true, value: undefined })
      }
    }
  }

  /** The reader hears no more. What it has not asked the successor of was not dealt with. */
  #leave(): void {
    if (this.#hearers !== 'reader') return
    this.#hearers = 'reader left'
    this.#queue = []
    this.end()
    this.onRoom()
  }

  /** Whether updates wait in the queue; otherwise nobody's pace matters. */
  get #queues(): boolean {
    return this.#hearers === 'none yet' || this.#hearers === 'reader' || this.#queue.length > 0
  }

  /** How many events may be given out now. */
  room(): number {
    if (!this.#queues) return Number.POSITIVE_INFINITY
    return Math.max(0, QUEUE_LENGTH - RESERVE - this.#queue.length)
  }

  /** Gives out an event or the end of a catch-up, for which there is room. */
  deliver(update: Update, mark: Mark): void {
    this.#push(update, [mark])
  }

  /**
   * Where a topic begins, or that it is gone: of use once everything before was dealt with, or an
   * event that was given out earlier would have the last word.
   */
  begin(mark: Mark): void {
    if (this.#hearers !== 'reader left') this.#after(this.#queue.at(-1), [mark])
  }

  /** What is written down after an item in the queue, or what was taken, was dealt with. */
  #after(item: Item | undefined, marks: Mark[]): void {
    const before = item ?? this.#taken
    // A program that takes its time is not followed by ever more tokens.
    if (marks[0]?.at === 'sync' && before?.marks.at(-1)?.at === 'sync') before.marks.pop()
    if (before) before.marks.push(...marks)
    else for (const mark of marks) this.#write(mark)
  }

  /** Gives out what may be missing. */
  hint(update: Update): void {
    if (this.room() > 0) this.#push(update, [])
  }

  /** Gives out what must not be missing: it takes a reserved place, or that of an older state. */
  state(update: Update): void {
    if (this.#queues && this.#queue.length >= QUEUE_LENGTH) {
      const oldest = this.#queue.findIndex(({ update: { kind } }) => isState(kind))
      // There is one: events leave the last places to states.
      const [dropped] = this.#queue.splice(Math.max(0, oldest), 1)
      if (dropped) this.#after(this.#queue[oldest - 1], dropped.marks)
    }
    this.#push(update, [])
  }

  #push(update: Update, marks: Mark[]): void {
    if (this.#queues) this.#queue.push({ update, marks })
    else if (this.#hearers === 'listeners') for (const mark of marks) this.#write(mark)
    if (this.#hearers === 'reader') this.#hand()
    // Listeners beside a reader do not wait for it.
    if (this.#hearers === 'reader' || !this.#queues) this.#tell(update)
  }

  #tell(update: Update): void {
    for (const listener of this.#listeners) {
      try {
        listener(update)
      } catch (thrown) {
        // A fault of the program, and reported as every other of its faults.
        queueMicrotask(() => {
          throw thrown
        })
      }
    }
  }

  /** Nothing follows for the reader: its stream ends, with the error if there is one. */
  end(error?: CarillonError): void {
    this.#end ??= { error }
    this.#hand()
  }

  /** The program has closed the client in good order: what it took was dealt with. */
  allTakenIsDealtWith(): void {
    this.#deal()
  }

  #write(mark: Mark): void {
    const { topics } = this.#progress
    if (mark.at === 'topic') topics[mark.topic] = mark.seq
    else if (mark.at === 'gone') delete topics[mark.topic]
    else this.#progress.sync = mark.token
    this.#unsaved = true
    if (this.#reads) this.onProgress()
  }

  /** What was handed out for writing was not written. */
  unsaved(): void {
    this.#unsaved = true
  }

  /** The progress of the reader, if it went on since this was asked last. */
  progress(): Progress | undefined {
    if (!this.#reads || !this.#unsaved) return undefined
    this.#unsaved = false
    return this.#progress
  }
}

function isState(kind: Update['kind']): boolean {
  return kind === 'connection' || kind === 'outbox' || kind === 'refused'
}
