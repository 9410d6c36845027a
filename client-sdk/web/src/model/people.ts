/** People's names, fetched when a screen needs them and kept up to date. */

import { type Event, LIMITS, type OrgMember, type UserId } from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from './door.ts'
import { is } from './event.ts'

/** What is shown of a person. */
export type Person = Pick<OrgMember, 'user' | 'name' | 'login' | 'title' | 'active' | 'app'>

/** Two of the largest groups; those that were not asked for longest make room. */
const PEOPLE_MAX = 10_000

export class People {
  readonly known = createStore<ReadonlyMap<UserId, Person>>(() => new Map())
  readonly #door: Door
  /** Asked for by a screen that is being drawn; fetched together. */
  readonly #wanted = new Set<UserId>()
  /** Asked for before; who does not exist is not asked for again. */
  readonly #asked = new Set<UserId>()
  #fetching: Promise<void> | undefined

  constructor(door: Door) {
    this.#door = door
  }

  /** Makes sure that these are known soon. */
  need(users: Iterable<UserId>): void {
    for (const user of users) {
      if (!this.#asked.has(user)) this.#wanted.add(user)
    }
    if (this.#wanted.size > 0) this.#fetching ??= this.#fetch()
  }

  /** Waits until these are known, or do not exist. */
  async have(users: Iterable<UserId>): Promise<void> {
    this.need(users)
    await this.#fetching
  }

  /** People that an answer brought along. */
  met(people: readonly OrgMember[]): void {
    if (people.length === 0) return
    const known = new Map(this.known.getState())
    for (const { user, name, login, title, active, app } of people) {
      this.#asked.add(user)
      known.delete(user)
      const titled = title === undefined ? {} : { title }
      known.set(user, { user, name, login, active, app, ...titled })
    }
    for (const user of known.keys()) {
      if (known.size <= PEOPLE_MAX) break
      known.delete(user)
      this.#asked.delete(user)
    }
    this.known.setState(known, true)
  }

  /** The organisation's log tells who has changed. */
  heard(event: Event): void {
    if (
      is(event, 'org.member_updated') ||
      is(event, 'org.member_left') ||
      is(event, 'org.member_returned') ||
      is(event, 'org.member_added')
    ) {
      this.#again([event.data.user])
    }
  }

  /** Asks again for everybody who is known. */
  againAll(): void {
    this.#again(this.known.getState().keys())
  }

  #again(users: Iterable<UserId>): void {
    const stale = [...users].filter(user => this.#asked.delete(user))
    this.need(stale)
  }

  async #fetch(): Promise<void> {
    // Everything that is drawn in one go asks once.
    await Promise.resolve()
    while (this.#wanted.size > 0) {
      const users = [...this.#wanted].slice(0, LIMITS.PEOPLE_PER_PAGE_MAX)
      for (const user of users) {
        this.#wanted.delete(user)
        this.#asked.add(user)
      }
      try {
        this.met((await this.#door.call('org.member.get', { users })).members)
      } catch {
        // The rows show no name; whoever draws them next asks again.
        for (const user of users) this.#asked.delete(user)
      }
    }
    this.#fetching = undefined
  }
}
