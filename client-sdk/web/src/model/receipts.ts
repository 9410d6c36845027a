/** How many have read the messages on the screen: asked for, watched, and kept fresh. */

import { CarillonError, type ConvId, type Ephemeral, type ReceiptsData } from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from './door.ts'

/** How many have read a message, and of how many. */
export interface Count {
  readonly read: number
  readonly total: number
}

/** The server forgets after 90 seconds what is watched. */
const RENEW_MS = 60_000
/** In small groups the server says who moved, not what that makes: asked again this often. */
const RECOUNT_MS = 1_000
/** The server counts so many messages at once. */
const WATCHED_MAX = 100
/** Counts of messages that left the screen are kept for when they come back. */
const KEPT_MAX = 1_000

/** The receipts of one conversation. */
export class Receipts {
  /** By position. */
  readonly counts = createStore<ReadonlyMap<number, Count>>(() => new Map())
  readonly #door: Door
  readonly #conv: ConvId
  #wanted: readonly number[] = []
  /** What the answer under way is for; asked again if something else is wanted by then. */
  #asking: readonly number[] | undefined
  #renewal: ReturnType<typeof setTimeout> | undefined
  #recount: ReturnType<typeof setTimeout> | undefined
  #countedAt = 0

  constructor(door: Door, conv: ConvId) {
    this.#door = door
    this.#conv = conv
  }

  /** These messages are on the screen now; none when the conversation is closed. */
  watch(seqs: readonly number[]): void {
    const wanted = seqs.slice(-WATCHED_MAX)
    const same = wanted.length === this.#wanted.length
    if (same && wanted.every((seq, index) => seq === this.#wanted[index])) return
    this.#wanted = wanted
    void this.#ask()
  }

  /** The server says that somebody has read. */
  heard(ephemeral: Ephemeral): void {
    const data = ephemeral.data as ReceiptsData
    if ('counts' in data) this.#keep(data.counts)
    else this.refresh()
  }

  /** There is another connection, which watches nothing yet. */
  renew(): void {
    if (this.#wanted.length > 0) void this.#ask()
  }

  /** Asks again soon: something may have been missed. */
  refresh(): void {
    if (this.#wanted.length === 0 || this.#recount !== undefined) return
    const wait = Math.max(0, this.#countedAt + RECOUNT_MS - Date.now())
    this.#recount = setTimeout(() => {
      this.#recount = undefined
      void this.#ask()
    }, wait)
  }

  async #ask(): Promise<void> {
    if (this.#asking) return
    clearTimeout(this.#renewal)
    const seqs = this.#wanted
    // What is watched runs out by itself; to stop it would stop the person's other windows too.
    if (seqs.length === 0) return
    this.#asking = seqs
    try {
      const { counts } = await this.#door.call('receipt.watch', {
        conv: this.#conv,
        seqs: [...seqs],
      })
      this.#keep(counts)
    } catch (error) {
      // A receipt that is missing is no reason to disturb anybody; whoever is still in there gets
      // it with the next change of the screen, or with the renewal.
      if (!(error instanceof CarillonError)) throw error
    } finally {
      this.#asking = undefined
      this.#countedAt = Date.now()
    }
    if (seqs !== this.#wanted) return this.#ask()
    this.#renewal = setTimeout(() => void this.#ask(), RENEW_MS)
  }

  #keep(counts: readonly (readonly [number, number, number])[]): void {
    if (counts.length === 0) return
    const all = new Map(this.counts.getState())
    for (const [seq, read, total] of counts) {
      const known = all.get(seq)
      all.delete(seq)
      all.set(seq, known?.read === read && known.total === total ? known : { read, total })
    }
    const [...keys] = all.keys()
    for (const seq of keys.slice(0, Math.max(0, keys.length - KEPT_MAX))) all.delete(seq)
    this.counts.setState(all, true)
  }
}
