/**
 * A state in the browser, shared by all windows of one person: the outbox is in IndexedDB, a Web
 * Lock says which window sends it, a BroadcastChannel tells the others to look.
 */

import { newId } from './id.ts'
import type { Cid, DeviceId, MsgSent, UserId } from './protocol.ts'
import {
  ANSWERS_MAX,
  type Answer,
  type Kept,
  OUTBOX_LENGTH_MAX,
  outboxFull,
  type Progress,
  type Queued,
  REFUSED_MAX,
  type State,
  type Store,
  type Turn,
} from './state.ts'

const VERSION = 1
/** Values by name: `device`, `owner`. */
const META = 'meta'
/** Messages by the order in which they came; `cid` is an index. */
const OUTBOX = 'outbox'
/** What messages were answered, by the order in which that was; `cid` is an index. */
const ANSWERS = 'answers'

/** The index of the refused messages: others have no such field. */
const REFUSED = 'refused'

/**
 * Keeps a client's outbox in this browser, under a name that the app chooses. It belongs to one
 * person: the name should say whose it is, as `carillon-{user}`. Several windows may have it open;
 * no progress is kept, because each of them has its own.
 */
export function indexedDb(name: string): State {
  return {
    async open() {
      const db = await openDatabase(name)
      const tx = db.transaction(META, 'readwrite', { durability: 'strict' })
      const meta = tx.objectStore(META)
      const [device, owner] = await Promise.all([done(meta.get('device')), done(meta.get('owner'))])
      const own: DeviceId = device ?? newId()
      if (device === undefined) meta.put(own, 'device')
      await completed(tx)
      return new IndexedDbStore(name, db, own, owner)
    },
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, VERSION)
  opening.onupgradeneeded = () => {
    const db = opening.result
    db.createObjectStore(META)
    const outbox = db.createObjectStore(OUTBOX, { autoIncrement: true })
    outbox.createIndex('cid', 'cid', { unique: true })
    outbox.createIndex(REFUSED, 'refused.code')
    const answers = db.createObjectStore(ANSWERS, { autoIncrement: true })
    answers.createIndex('cid', 'cid', { unique: true })
  }
  return done(opening)
}

class IndexedDbStore implements Store {
  readonly shared = true
  readonly progress: Progress = { topics: {} }
  readonly device: DeviceId
  owner: UserId | undefined
  readonly #db: IDBDatabase
  readonly #name: string
  readonly #channel: BroadcastChannel
  /** Gives the lock back, or asks for it no more. */
  #yield: () => void = () => {}

  constructor(name: string, db: IDBDatabase, device: DeviceId, owner: UserId | undefined) {
    this.#db = db
    this.#name = `carillon:${name}`
    this.#channel = new BroadcastChannel(this.#name)
    this.device = device
    this.owner = owner
    // Whoever wants to remove or upgrade it goes first.
    db.onversionchange = () => db.close()
  }

  async claim(user: UserId): Promise<UserId> {
    this.owner ??= await this.#write([META], 'strict', async tx => {
      const meta = tx.objectStore(META)
      const owner: UserId | undefined = await done(meta.get('owner'))
      if (owner === undefined) meta.put(user, 'owner')
      return owner ?? user
    })
    return this.owner
  }

  async kept(asked: Iterable<Cid>): Promise<Kept> {
    const tx = this.#db.transaction([OUTBOX, ANSWERS], 'readonly')
    const entries = done<Queued[]>(tx.objectStore(OUTBOX).getAll())
    const byCid = tx.objectStore(ANSWERS).index('cid')
    const found = [...asked].map(cid => done<Answered | undefined>(byCid.get(cid)))
    const answers = (await Promise.all(found)).filter(answer => answer !== undefined)
    return { entries: await entries, answers: new Map(answers.map(a => [a.cid, a.sent])) }
  }

  add(entry: Queued): Promise<void> {
    return this.#change('strict', async (outbox, answers) => {
      const key = await done(outbox.index('cid').getKey(entry.cid))
      const there: Queued | undefined = key === undefined ? undefined : await done(outbox.get(key))
      if (there && !there.refused) return
      const [all, refused] = await Promise.all([
        done(outbox.count()),
        done(outbox.index(REFUSED).count()),
      ])
      if (all - refused >= OUTBOX_LENGTH_MAX) throw outboxFull()
      if (key !== undefined) outbox.delete(key)
      outbox.add(entry)
      const answered = await done(answers.index('cid').getKey(entry.cid))
      if (answered !== undefined) answers.delete(answered)
    })
  }

  settle(cid: Cid, answer: Answer): Promise<void> {
    // An answer that a crash forgets is asked for again: only a promise needs the disk.
    return this.#change('relaxed', async (outbox, answers) => {
      const key = await done(outbox.index('cid').getKey(cid))
      if (key === undefined) return
      if ('refused' in answer) {
        const entry: Queued = await done(outbox.get(key))
        outbox.put({ ...entry, refused: answer.refused }, key)
        const refused = await done(outbox.index(REFUSED).getAllKeys())
        const oldest = (refused as number[]).sort((a, b) => a - b).slice(0, -REFUSED_MAX)
        for (const old of oldest) outbox.delete(old)
        return
      }
      outbox.delete(key)
      answers.add({ cid, sent: answer.sent })
      const spare = (await done(answers.count())) - ANSWERS_MAX
      const old = spare > 0 ? await done(answers.getAllKeys(null, spare)) : []
      for (const key of old) answers.delete(key)
    })
  }

  discard(cid: Cid): Promise<void> {
    return this.#change('relaxed', async outbox => {
      const key = await done(outbox.index('cid').getKey(cid))
      const entry: Queued | undefined = key === undefined ? undefined : await done(outbox.get(key))
      if (key !== undefined && entry?.refused) outbox.delete(key)
    })
  }

  async save(): Promise<void> {}

  lead(take: boolean, turn: Turn): void {
    this.yield()
    let began = false
    let over = false
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const asking = new AbortController()
    this.#yield = () => {
      over = true
      asking.abort()
      release()
    }
    const begin = () => {
      if (over) return
      began = true
      turn.began()
      return held
    }
    // A page that did not come over HTTPS has no locks. Two windows that send the same are no
    // harm, because the server writes a `cid` once: the lock saves them the trouble.
    const locks: LockManager | undefined = globalThis.navigator?.locks
    if (!locks) return void begin()
    const how = take ? { steal: true } : { signal: asking.signal }
    locks.request(this.#name, how, begin).catch(() => {
      if (over) return
      over = true
      if (began) turn.ended()
    })
  }

  yield(): void {
    this.#yield()
    this.#yield = () => {}
  }

  watch(changed: () => void): void {
    this.#channel.onmessage = () => changed()
  }

  async close(): Promise<void> {
    this.yield()
    this.#channel.close()
    this.#db.close()
  }

  /** Changes the outbox and tells the other windows. */
  async #change(
    durability: IDBTransactionDurability,
    work: (outbox: IDBObjectStore, answers: IDBObjectStore) => Promise<void>,
  ): Promise<void> {
    await this.#write([OUTBOX, ANSWERS], durability, tx =>
      work(tx.objectStore(OUTBOX), tx.objectStore(ANSWERS)),
    )
    this.#channel.postMessage('changed')
  }

  /** All of it or nothing; when this resolves, it is as durable as it was asked for. */
  async #write<T>(
    stores: string[],
    durability: IDBTransactionDurability,
    work: (tx: IDBTransaction) => Promise<T>,
  ): Promise<T> {
    const tx = this.#db.transaction(stores, 'readwrite', { durability })
    const complete = completed(tx)
    try {
      const result = await work(tx)
      await complete
      return result
    } catch (thrown) {
      complete.catch(() => {})
      // It may have ended by the very error.
      if (tx.error === null) tx.abort()
      throw thrown
    }
  }
}

interface Answered {
  cid: Cid
  sent: MsgSent
}

/** The result of a request. */
function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Resolves when a transaction is complete. */
function completed(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve()
    tx.onabort = () => reject(tx.error ?? new Error('the transaction was aborted'))
  })
}
