/** The people of one half of a message's receipts, page by page, and again when they change. */

import {
  type ConvId,
  LIMITS,
  type ReceiptListed,
  type ReceiptPerson,
  type ReceiptState,
} from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from './door.ts'

export interface ReadersState {
  /** Absent until the first page is there. */
  readonly people: readonly ReceiptPerson[] | undefined
  readonly more: boolean
  readonly loading: boolean
  readonly error: unknown
}

export interface Half {
  readonly conv: ConvId
  readonly seq: number
  readonly state: ReceiptState
}

export class Readers {
  readonly list = createStore<ReadersState>(() => ({
    people: undefined,
    more: false,
    loading: false,
    error: undefined,
  }))
  readonly #door: Pick<Door, 'call'>
  readonly #half: Half
  #stale = false

  constructor(door: Pick<Door, 'call'>, half: Half) {
    this.#door = door
    this.#half = half
  }

  /** Reads again what is there, because somebody has read the message. */
  refresh(): Promise<void> {
    return this.#read(async () => {
      const wanted = this.list.getState().people?.length ?? 1
      const people: ReceiptPerson[] = []
      let more = true
      while (more && people.length < wanted) more = this.#add(people, await this.#page(people))
      return { people, more }
    })
  }

  /** Reads the next page. */
  more(): Promise<void> {
    return this.#read(async () => {
      const people = [...(this.list.getState().people ?? [])]
      const more = this.#add(people, await this.#page(people))
      return { people, more }
    })
  }

  #add(people: ReceiptPerson[], page: ReceiptListed): boolean {
    people.push(...page.people)
    return page.more && page.people.length > 0
  }

  #page(before: readonly ReceiptPerson[]): Promise<ReceiptListed> {
    const limit = LIMITS.PEOPLE_PER_PAGE_MAX
    return this.#door.call('receipt.list', { ...this.#half, after: before.at(-1)?.user, limit })
  }

  async #read(read: () => Promise<Pick<ReadersState, 'people' | 'more'>>): Promise<void> {
    this.#stale = this.list.getState().loading
    if (this.#stale) return
    this.list.setState({ loading: true, error: undefined })
    try {
      this.list.setState({ ...(await read()), loading: false })
    } catch (error) {
      this.list.setState({ loading: false, error })
    }
    if (this.#stale) await this.refresh()
  }
}
