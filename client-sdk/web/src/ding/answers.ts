/** What a person answers to alerts, kept on this device until the server has it. */

import type { UserId } from '@carillon/client'

export interface Written {
  /** Confirmed, with words or without any; or declined, with the reason. */
  readonly what: 'reply' | 'reason'
  readonly words: string
  /** Whether it was given: then it is sent until the server has it. */
  readonly given: boolean
}

/** Where the alert that a person is writing is kept, beside their answers. */
export function draftName(me: UserId): string {
  return `carillon-ding-${me}`
}

/** The oldest make room for new ones. */
export const ANSWERS_MAX = 50

/** The answers of one person in a storage, as `localStorage`. */
export class Answers {
  readonly #storage: Storage
  readonly #name: string

  constructor(storage: Storage, me: UserId) {
    this.#storage = storage
    this.#name = `carillon-answers-${me}`
  }

  get(key: string): Written | undefined {
    return this.#read().find(([other]) => other === key)?.[1]
  }

  keep(key: string, written: Written): void {
    this.#write([...this.#others(key), [key, written]])
  }

  forget(key: string): void {
    if (this.get(key)) this.#write(this.#others(key))
  }

  /** Forgets all of them. */
  clear(): void {
    this.#storage.removeItem(this.#name)
  }

  #others(key: string): Entry[] {
    return this.#read().filter(([other]) => other !== key)
  }

  #read(): Entry[] {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(this.#name) ?? '[]')
      return Array.isArray(kept) ? kept.filter(isEntry) : []
    } catch {
      // Not written by this version.
      return []
    }
  }

  #write(entries: readonly Entry[]): void {
    try {
      this.#storage.setItem(this.#name, JSON.stringify(entries.slice(-ANSWERS_MAX)))
    } catch {
      // The storage is full, or closed to this page: it is kept as long as the page is open.
    }
  }
}

type Entry = readonly [key: string, written: Written]

function isEntry(entry: unknown): entry is Entry {
  if (!Array.isArray(entry) || typeof entry[0] !== 'string') return false
  const { what, words, given } = (entry[1] ?? {}) as Partial<Written>
  const isKind = what === 'reply' || what === 'reason'
  return isKind && typeof words === 'string' && typeof given === 'boolean'
}
