/** What was written and not sent, per conversation, kept on this device. */

import type { ConvId, UserId } from '@carillon/client'
import type { Pick } from './mention.ts'

export interface Draft {
  readonly text: string
  readonly picks: readonly Pick[]
}

interface Kept extends Draft {
  /** When it was changed last. */
  readonly at: number
}

/** The oldest drafts make room for new ones: with long texts they fill a part of the storage. */
export const DRAFTS_MAX = 50
/** Nothing is written. */
export const NO_DRAFT: Draft = { text: '', picks: [] }

/** Drafts of one person in a storage, as `localStorage`. */
export class Drafts {
  readonly #storage: Storage
  readonly #prefix: string

  constructor(storage: Storage, me: UserId) {
    this.#storage = storage
    this.#prefix = `carillon-draft-${me}-`
  }

  get(conv: ConvId): Draft {
    return this.#read(this.#prefix + conv) ?? NO_DRAFT
  }

  /** Keeps it; an empty one is forgotten. Tells whether there was room. */
  set(conv: ConvId, draft: Draft, now: number): boolean {
    const key = this.#prefix + conv
    if (draft.text === '') {
      this.#storage.removeItem(key)
      return true
    }
    const kept: Kept = { ...draft, at: now }
    if (this.#storage.getItem(key) === null) this.#makeRoom(DRAFTS_MAX - 1)
    if (this.#write(key, kept)) return true
    this.clear()
    return this.#write(key, kept)
  }

  /** Forgets all of them. */
  clear(): void {
    this.#makeRoom(0)
  }

  #write(key: string, kept: Kept): boolean {
    try {
      this.#storage.setItem(key, JSON.stringify(kept))
      return true
    } catch {
      // The storage is full, or closed to this page.
      return false
    }
  }

  #read(key: string): Kept | undefined {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(key) ?? 'null')
      return isKept(kept) ? kept : undefined
    } catch {
      // Not written by this version.
      return undefined
    }
  }

  #makeRoom(left: number): void {
    const keys = Array.from({ length: this.#storage.length }, (_, n) => this.#storage.key(n) ?? '')
    const own = keys.filter(key => key.startsWith(this.#prefix))
    const aged = own.map(key => ({ key, at: this.#read(key)?.at ?? 0 }))
    aged.sort((a, b) => b.at - a.at)
    for (const { key } of aged.slice(left)) this.#storage.removeItem(key)
  }
}

function isKept(kept: unknown): kept is Kept {
  if (typeof kept !== 'object' || kept === null) return false
  const { text, picks, at } = kept as Partial<Kept>
  return typeof text === 'string' && Array.isArray(picks) && typeof at === 'number'
}
