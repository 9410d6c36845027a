/** What was written and not sent, per conversation, kept on this device. */

import { type ConvId, LIMITS, type UserId } from '@carillon/client'
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
/**
 * UTF-16 units of a text that are kept: some texts that are on their way, and one that is too long
 * to be sent and is being shortened. What somebody pasted by mistake must not fill the storage.
 */
export const DRAFT_LEN_MAX = 4 * LIMITS.TEXT_LEN_MAX
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

  /**
   * Keeps it; an empty one is forgotten. Tells whether it is kept: one that is far too long is not,
   * nor one without room. What was kept before in its place stays then.
   */
  set(conv: ConvId, draft: Draft, now: number): boolean {
    const key = this.#prefix + conv
    if (draft.text === '') {
      this.#storage.removeItem(key)
      return true
    }
    if (draft.text.length > DRAFT_LEN_MAX) return false
    const before = this.#storage.getItem(key)
    const kept: Kept = { ...draft, at: now }
    const value = JSON.stringify(kept)
    const missing = value.length - (before?.length ?? 0)
    if (!this.#write(key, value) && !this.#squeeze(key, value, missing)) return false
    if (before === null) this.#forgetOldest(key)
    return true
  }

  /** Forgets all of them. */
  clear(): void {
    for (const key of this.#oldestFirst()) this.#storage.removeItem(key)
  }

  #write(key: string, value: string): boolean {
    try {
      this.#storage.setItem(key, value)
      return true
    } catch {
      // The storage is full, or closed to this page.
      return false
    }
  }

  /** Forgets others for this one, the oldest first, and none where that would not be enough. */
  #squeeze(key: string, value: string, missing: number): boolean {
    const others = this.#oldestFirst().filter(other => other !== key)
    const size = (other: string) => this.#storage.getItem(other)?.length ?? 0
    if (others.reduce((sum, other) => sum + size(other), 0) < missing) return false
    let freed = 0
    for (const other of others) {
      // With so much room it would be kept: the storage is closed, and not full.
      if (freed >= missing) return false
      freed += size(other)
      this.#storage.removeItem(other)
      if (this.#write(key, value)) return true
    }
    return false
  }

  /** Forgets those that are too many, and not this one, which is new. */
  #forgetOldest(key: string): void {
    const others = this.#oldestFirst().filter(other => other !== key)
    const left = DRAFTS_MAX - 1
    for (const other of others.slice(0, Math.max(0, others.length - left)))
      this.#storage.removeItem(other)
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

  #oldestFirst(): string[] {
    const keys = Array.from({ length: this.#storage.length }, (_, n) => this.#storage.key(n) ?? '')
    const own = keys.filter(key => key.startsWith(this.#prefix))
    const aged = own.map(key => ({ key, at: this.#read(key)?.at ?? 0 }))
    return aged.sort((a, b) => a.at - b.at).map(({ key }) => key)
  }
}

function isKept(kept: unknown): kept is Kept {
  if (typeof kept !== 'object' || kept === null) return false
  const { text, picks, at } = kept as Partial<Kept>
  return typeof text === 'string' && Array.isArray(picks) && typeof at === 'number'
}
