/** Who is in a conversation: fetched when somebody looks, and again when it changes. */

import { type ConvId, type ConvMember, LIMITS, type UserId } from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from './door.ts'

export interface MembersState {
  readonly state: 'unasked' | 'loading' | 'there' | 'failed'
  readonly members: readonly ConvMember[]
  readonly error: unknown
}

export class Members {
  readonly list = createStore<MembersState>(() => ({
    state: 'unasked',
    members: [],
    error: undefined,
  }))
  readonly #door: Door
  readonly #conv: ConvId
  #loading: Promise<void> | undefined
  #stale = false

  constructor(door: Door, conv: ConvId) {
    this.#door = door
    this.#conv = conv
  }

  /** Fetches them unless they are there. */
  load(): Promise<void> {
    if (this.list.getState().state === 'there' && !this.#stale) return Promise.resolve()
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  /** Somebody came or went. Of a conversation that is not open they are fetched when it is. */
  changed(open: boolean): void {
    this.#stale = true
    if (open && this.list.getState().state !== 'unasked') void this.load()
  }

  /** Somebody of the organisation left it or came back, which may make another one the owner. */
  movedOn(user: UserId, open: boolean): void {
    const { members } = this.list.getState()
    if (this.#loading || members.some(member => member.user === user)) this.changed(open)
  }

  async #load(): Promise<void> {
    const before = this.list.getState()
    if (before.state !== 'there') this.list.setState({ state: 'loading', error: undefined })
    try {
      do {
        this.#stale = false
        this.list.setState({ state: 'there', members: await this.#all(), error: undefined })
      } while (this.#stale)
    } catch (error) {
      this.#stale = true
      this.list.setState({ state: 'failed', error })
    }
  }

  async #all(): Promise<ConvMember[]> {
    const members: ConvMember[] = []
    while (members.length < LIMITS.MEMBERS_MAX) {
      const page = await this.#door.call('conv.member.list', {
        conv: this.#conv,
        after: members.at(-1)?.user,
        limit: LIMITS.PEOPLE_PER_PAGE_MAX,
      })
      members.push(...page.members)
      // The first ones can be looked at while the others are on their way.
      if (this.list.getState().state === 'loading') this.list.setState({ members: [...members] })
      if (!page.more || page.members.length === 0) break
    }
    return members
  }
}
