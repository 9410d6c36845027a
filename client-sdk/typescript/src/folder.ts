/** A state in a folder, for programs that go on after a restart. */

import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { newId } from './id.ts'
import { type Identity, Journal } from './journal.ts'
import { lock } from './lock.ts'
import type { Cid, UserId } from './protocol.ts'
import {
  type Answer,
  type Kept,
  type Progress,
  type Queued,
  Shelf,
  type State,
  type Store,
  type Turn,
} from './state.ts'

/**
 * Keeps the outbox, the device's id and what has been dealt with in this folder, so that a restart
 * goes on where the program stopped, also after a crash. One program at a time; made if missing.
 */
export function folder(path: string): State {
  return { open: () => openFolder(resolve(path)) }
}

async function openFolder(dir: string): Promise<Store> {
  await mkdir(dir, { recursive: true })
  const unlock = await lock(dir)
  try {
    let shelf = new Shelf()
    const { journal, entries, identity } = await Journal.open(dir, () => shelf.entries)
    shelf = new Shelf(entries)
    return new FolderStore(journal, shelf, identity ?? { device: newId(), topics: {} }, unlock)
  } catch (thrown) {
    await unlock()
    throw thrown
  }
}

class FolderStore implements Store {
  readonly shared = false
  readonly device
  readonly progress: Progress
  readonly #journal: Journal
  readonly #shelf: Shelf
  readonly #unlock: () => Promise<void>
  #identity: Identity
  /** Messages on their way to the disk: not sent yet, because a crash would forget them. */
  readonly #adding = new Map<Cid, Promise<void>>()

  constructor(journal: Journal, shelf: Shelf, identity: Identity, unlock: () => Promise<void>) {
    this.#journal = journal
    this.#shelf = shelf
    this.#unlock = unlock
    this.#identity = identity
    this.device = identity.device
    this.progress = identity
  }

  get owner(): UserId | undefined {
    return this.#identity.owner
  }

  async claim(user: UserId): Promise<UserId> {
    const owner = this.#identity.owner
    if (owner !== undefined) return owner
    this.#identity = { ...this.#identity, owner: user }
    await this.#journal.save(this.#identity)
    return user
  }

  async kept(): Promise<Kept> {
    return this.#shelf.kept
  }

  async add(entry: Queued): Promise<void> {
    const { cid } = entry
    const underWay = this.#adding.get(cid)
    if (underWay) return underWay
    if (!this.#shelf.admits(cid, this.#adding.size)) return
    const adding = this.#journal.append({ queued: entry }, () => {
      this.#adding.delete(cid)
      this.#shelf.add(entry)
    })
    this.#adding.set(cid, adding)
    await adding.finally(() => this.#adding.delete(cid))
  }

  async settle(cid: Cid, answer: Answer): Promise<void> {
    const refused = 'refused' in answer && { refused: { cid, error: answer.refused } }
    await this.#journal.append(refused || { gone: cid }, () => this.#shelf.settle(cid, answer))
  }

  async discard(cid: Cid): Promise<void> {
    const { entries } = this.#shelf
    if (!entries.some(entry => entry.cid === cid && entry.refused)) return
    await this.#journal.append({ gone: cid }, () => this.#shelf.discard(cid))
  }

  async save(progress: Progress): Promise<void> {
    this.#identity = { ...this.#identity, ...progress }
    await this.#journal.save(this.#identity)
  }

  lead(_take: boolean, turn: Turn): void {
    turn.began()
  }

  yield(): void {}

  watch(): void {}

  async close(): Promise<void> {
    try {
      await this.#journal.close()
    } finally {
      await this.#unlock()
    }
  }
}
