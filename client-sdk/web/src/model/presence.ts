/** Who of the people on the screen is online: watched for as long as they are there. */

import {
  CarillonError,
  LIMITS,
  type PresencePerson,
  type Update,
  type UserId,
} from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import type { Door } from './door.ts'

/** Who is on the screen is told when it has come to rest for so long. */
const REST_MS = 200

export class Presence {
  /** Those who are; of whom it is not known, like those who are not, nothing is said. */
  readonly online = createStore<ReadonlySet<UserId>>(() => new Set())
  readonly #door: Door
  /** How many marks there are of each person; who came last is the last. */
  readonly #shown = new Map<UserId, number>()
  /** Whom this connection watches, sorted; not known of a new one. */
  #watched: string | undefined
  #asking = false
  #resting: ReturnType<typeof setTimeout> | undefined

  constructor(door: Door) {
    this.#door = door
  }

  /** A mark of a person is on the screen; returns how to say that it is gone. */
  show(user: UserId): () => void {
    this.#count(user, 1)
    return () => this.#count(user, -1)
  }

  #count(user: UserId, step: number): void {
    const marks = (this.#shown.get(user) ?? 0) + step
    this.#shown.delete(user)
    if (marks > 0) this.#shown.set(user, marks)
    this.#restSoon()
  }

  /** The server, or the connection, says something. */
  hear(update: Update): void {
    if (update.kind === 'ephemeral' && update.ephemeral.k === 'presence') {
      this.#told(update.ephemeral.data as PresencePerson)
    } else if (update.kind === 'connection' && update.connection.state !== 'online') {
      // What is not heard is not known.
      this.#watched = undefined
      this.#keep([])
    } else if (update.kind === 'synced') this.#restSoon()
  }

  #told({ user, online }: PresencePerson): void {
    const all = new Set(this.online.getState())
    if (online ? all.has(user) : !all.delete(user)) return
    this.online.setState(online ? all.add(user) : all, true)
  }

  #keep(online: readonly UserId[]): void {
    if (online.length === 0 && this.online.getState().size === 0) return
    this.online.setState(new Set(online), true)
  }

  #restSoon(): void {
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => void this.#ask(), REST_MS)
  }

  async #ask(): Promise<void> {
    const users = [...this.#shown.keys()].slice(-LIMITS.WATCHED_PEOPLE_MAX).sort()
    const wanted = users.join()
    if (this.#asking || wanted === (this.#watched ?? '')) return
    this.#asking = true
    try {
      const { people } = await this.#door.call('presence.watch', { users })
      this.#watched = wanted
      this.#keep(people.filter(({ online }) => online).map(({ user }) => user))
    } catch (error) {
      // A mark that is missing is no reason to disturb anybody; the next change asks again.
      if (!(error instanceof CarillonError)) throw error
      return
    } finally {
      this.#asking = false
    }
    await this.#ask()
  }
}
