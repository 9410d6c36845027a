/**
 * What is behind a client: owns the connection, the calls, the outbox and the state of all topics.
 * Everything that happens ends in `#pump`, which moves whatever can move and says when to come
 * back; nothing else waits.
 */

import { Calls } from './calls.ts'
import { after, now, type Timer } from './clock.ts'
import { CarillonError, local } from './error.ts'
import { type Connection, Feed } from './events.ts'
import { answer, type Handlers } from './handlers.ts'
import type { Op } from './http.ts'
import { newId } from './id.ts'
import { callLost, callRefused, onFrame, perform } from './inbound.ts'
import { Link } from './link.ts'
import { Heard } from './listener.ts'
import { address, type Options } from './options.ts'
import { Outbox, storageError } from './outbox.ts'
import {
  type Asked,
  type Cid,
  EFFECTS,
  type Event,
  LIMITS,
  type UserId,
  type Welcome,
} from './protocol.ts'
import { type Down, platform } from './socket.ts'
import type { Store } from './state.ts'
import { Sync } from './sync.ts'

/** How often progress is written: what a crash within it forgets comes again. */
const SAVE_MS = 1_000

/** How a call is made. */
export interface CallOptions {
  /** An intent that the program remembers itself; only of operations that take effect once. */
  cid?: Cid
  /** Gives the call up; it may have happened or not. */
  signal?: AbortSignal
}

/** Everything that a client knows. */
export class Task {
  readonly calls = new Calls()
  readonly feed: Feed
  readonly link: Link
  readonly outbox: Outbox
  readonly store: Store
  readonly sync: Sync
  welcome: Welcome | undefined
  /** Who the client is to be, if the program said so. */
  readonly #user: UserId | undefined
  readonly #handlers: Handlers
  readonly #heard: Heard | undefined
  /** How many connections are gone: an answer is for the one that asked. */
  #lost = 0
  /** Why the client has ended. */
  ended: CarillonError | undefined
  /** Resolves with the first `welcome`; rejects if the client ends before. */
  readonly welcomed: Promise<void>
  #onWelcome: () => void = () => {}
  #onEnd: (error: CarillonError) => void = () => {}
  #timer: Timer | undefined
  #saveTimer: Timer | undefined
  #saving = Promise.resolve()
  #closing: Promise<void> | undefined
  #soon = false

  constructor(options: Options, store: Store) {
    const { token, webSocket = platform.webSocket } = options
    if (webSocket === undefined) {
      const msg = 'this platform has no WebSocket: import @carillon/client/node, or bring one'
      throw new CarillonError({ code: 'E_BAD_ARG', field: 'webSocket', msg, retry: 'no' })
    }
    this.welcomed = new Promise((resolve, reject) => {
      this.#onWelcome = resolve
      this.#onEnd = reject
    })
    // Most clients do not wait for it; they hear of the end as everybody does.
    this.welcomed.catch(() => {})
    this.store = store
    this.#user = options.user
    const { sync, topics } = store.progress
    this.sync = new Sync(sync, topics)
    this.feed = new Feed({ ...(sync !== undefined && { sync }), topics: { ...topics } })
    this.feed.onRoom = () => this.wake()
    this.feed.onProgress = () => this.#saveSoon()
    this.outbox = new Outbox(store, {
      ready: () => this.wake(),
      changed: () => this.feed.state({ kind: 'outbox' }),
      refused: ({ cid, conv }, error) => this.feed.state({ kind: 'refused', cid, conv, error }),
      failed: error => this.link.end(error),
    })
    const tab = options.tab ?? (store.shared ? newId() : undefined)
    const { device } = store
    this.#handlers = options.handles ?? {}
    const handles = Object.keys(this.#handlers)
    const linked = { address: address(options.url), token, tab, device, webSocket }
    this.#heard = options.listens && new Heard(options.listens)
    this.link = new Link(
      { ...linked, handles, listens: options.listens?.kinds ?? [] },
      {
        up: welcome => this.#up(welcome),
        frame: frame => {
          onFrame(this, frame)
          this.wake()
        },
        down: down => this.#down(down),
        changed: connection => this.#changed(connection),
      },
      () => this.sync.token,
    )
  }

  /** Reads what was kept, and sets out to connect. */
  async start(): Promise<void> {
    await this.outbox.load()
    this.link.connect()
  }

  #up(welcome: Welcome): void {
    const { user } = welcome
    if (user !== (this.#user ?? user)) {
      const msg = 'the token is another person’s: sign in again'
      this.link.end(new CarillonError({ code: 'E_UNAUTH', msg, retry: 'reauth' }))
      return
    }
    const owner = this.welcome?.user ?? this.store.owner ?? user
    if (owner !== user) {
      this.link.end(anotherPerson())
      return
    }
    this.welcome = welcome
    this.sync.me = user
    this.calls.online(welcome.limits, now())
    void this.#claim(user)
    this.#onWelcome()
  }

  /** Nothing of the outbox leaves before it is certain that it is this person's. */
  async #claim(user: UserId): Promise<void> {
    try {
      const owner = await this.store.claim(user)
      if (owner !== user) this.link.end(anotherPerson())
      else if (this.link.connection.state === 'online') this.outbox.online()
    } catch (thrown) {
      this.link.end(storageError(thrown))
    }
  }

  #down(down: Down): void {
    if (down.why === 'resync') this.sync.forgetToken()
    this.#lost += 1
    this.#heard?.offline()
    this.sync.offline()
    this.outbox.offline()
    for (const call of this.calls.offline()) callLost(this, call)
  }

  #changed(connection: Connection): void {
    this.feed.state({ kind: 'connection', connection })
    if (connection.state === 'ended') this.#finish(connection.error)
    else this.wake()
  }

  #finish(error: CarillonError): void {
    this.ended = error
    clearTimeout(this.#timer)
    for (const { to } of this.calls.drain()) if (to.who === 'caller') to.reject(error)
    this.outbox.end(error)
    this.#onEnd(error)
    this.feed.end(error.code === 'E_STOPPED' ? undefined : error)
  }

  /** Answers a call of the server, if the connection that it came by is still there then. */
  answer(asked: Asked): void {
    const lost = this.#lost
    const bytes = this.welcome?.limits.frame ?? LIMITS.FRAME_LEN_MAX
    void answer(this.#handlers, asked, bytes).then(frame => {
      if (lost === this.#lost) this.link.send(frame)
    })
  }

  /** The server tells an event that the program is to deal with. */
  told(event: Event): void {
    this.#heard?.told(event, {
      send: frame => this.link.send(frame),
      failed: reason => this.link.drop({ why: 'lost', reason }),
    })
  }

  /** Asks an operation; see `Client.call`. */
  call(op: Op, args: unknown, how: CallOptions): Promise<unknown> {
    const { signal } = how
    return new Promise((resolve, reject) => {
      if (this.ended) throw this.ended
      signal?.throwIfAborted()
      const effect = EFFECTS[op]
      const cid = effect === 'once' ? (how.cid ?? newId()) : undefined
      const call = { op, effect, cid, args: JSON.stringify(args) }
      const giveUp = this.calls.ask(call, {
        who: 'caller',
        resolve: data => {
          signal?.removeEventListener('abort', aborted)
          resolve(data)
        },
        reject: error => {
          signal?.removeEventListener('abort', aborted)
          reject(error)
        },
      })
      const aborted = () => {
        giveUp()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', aborted, { once: true })
      this.wake()
    })
  }

  /**
   * Moves what can move, a moment later: what a listener asks for while it hears of an event must
   * not come between that event and the next.
   */
  wake(): void {
    if (this.#soon || this.ended) return
    this.#soon = true
    queueMicrotask(() => {
      this.#soon = false
      if (!this.ended) this.#pump()
    })
  }

  #pump(): void {
    const present = now()
    perform(this, this.sync.tick(present, this.feed.room()))
    const dues = [this.sync.due(this.feed.room())]
    if (this.link.connection.state === 'online') {
      this.#send(present)
      dues.push(this.outbox.due(present), this.calls.due(present))
    }
    clearTimeout(this.#timer)
    const due = Math.min(...dues.map(due => due ?? Number.POSITIVE_INFINITY))
    if (due === Number.POSITIVE_INFINITY) return
    this.#timer = after(due - present, () => this.#pump())
  }

  /** Gives the connection every call that the server takes now. */
  #send(present: number): void {
    for (let out = this.outbox.next(present); out; out = this.outbox.next(present)) {
      const { cid, prev } = out
      const args = JSON.stringify(out.message)
      const to = { who: 'outbox', cid } as const
      this.calls.add({ op: 'msg.send', effect: 'once', cid, prev, args, to, attempts: 0 })
    }
    for (let next = this.calls.next(present); next; next = this.calls.next(present)) {
      if ('frame' in next) this.link.send(next.frame)
      else callRefused(this, next.call, next.error)
    }
  }

  #saveSoon(): void {
    this.#saveTimer ??= after(SAVE_MS, () => {
      this.#saveTimer = undefined
      void this.#save()
    })
  }

  /** Writes the progress down, after whatever is being written. */
  #save(): Promise<void> {
    const progress = this.feed.progress()
    if (!progress) return this.#saving
    this.#saving = this.#saving
      .then(() => this.store.save(progress))
      .catch(() => {
        // What is not written comes again after a restart; and it is tried again.
        this.feed.unsaved()
        if (!this.#closing) this.#saveSoon()
      })
    return this.#saving
  }

  /** Ends in good order. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.feed.allTakenIsDealtWith()
    this.link.end(local('E_STOPPED', 'the client is closed'))
    clearTimeout(this.#saveTimer)
    await this.#save()
    await this.store.close()
  }
}

function anotherPerson(): CarillonError {
  return local('E_STORAGE', 'the state belongs to another person: give each person one of its own')
}
