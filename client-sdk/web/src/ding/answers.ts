/** What a person answers to alerts, kept on this device until the server has it. */

import type { DingId, UserId } from '@carillon/client'

export interface Written {
  /** Confirmed, with words or without any; or declined, with the reason. */
  readonly what: 'reply' | 'reason'
  readonly words: string
  /** Whether it was given: then it is sent until the server has it. */
  readonly given: boolean
  /** For whom, where somebody is called instead of others. */
  readonly whose?: Whose | undefined
}

/** One of those whom somebody is called for, or all of them. */
export interface Whose {
  readonly instead_of?: UserId | undefined
  readonly others?: boolean | undefined
}

/** What a person's own alert is kept by, or the one by which they are called instead of others. */
export function keyed(ding: DingId, isInstead: boolean): string {
  return isInstead ? `${ding} ${INSTEAD}` : ding
}

const INSTEAD = 'instead'

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

  /** What was given and the server may not have, with what it is kept by. */
  given(): readonly Entry[] {
    return this.#read().filter(([, { given }]) => given)
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
      return Array.isArray(kept) ? kept.filter(isEntry).map(renamed) : []
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

export type Entry = readonly [key: string, written: Written]

/** As it is kept now: until November 2026 the person stood in the place of `instead`. */
function renamed(entry: Entry): Entry {
  const [key, written] = entry
  const [ding = key, whom] = key.split(' ')
  if (whom === undefined || whom === INSTEAD) return entry
  return [keyed(ding, true), { ...written, whose: { instead_of: whom } }]
}

function isEntry(entry: unknown): entry is Entry {
  if (!Array.isArray(entry) || typeof entry[0] !== 'string') return false
  const { what, words, given, whose } = (entry[1] ?? {}) as Partial<Written>
  const isKind = what === 'reply' || what === 'reason'
  const isOf = whose === undefined || (typeof whose === 'object' && whose !== null)
  return isKind && isOf && typeof words === 'string' && typeof given === 'boolean'
}
