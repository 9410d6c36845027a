/** Whom a guest meets: what the room says of them, since a guest can look nobody up. */

import type { Client, RoomId, UserId } from '@carillon/client'
import { useEffect } from 'react'
import { useStore } from 'zustand'
import { createStore } from 'zustand/vanilla'

/** Names of those who are in a room, as its answers to guests have them. */
export class Names {
  readonly #client: Client
  readonly #room: RoomId
  readonly #known = createStore<ReadonlyMap<UserId, string>>(() => new Map())
  /** Who was asked for before; of whom there is no name, it is not asked again. */
  readonly #asked = new Set<UserId>()
  #asking = false

  constructor(client: Client, room: RoomId) {
    this.#client = client
    this.#room = room
  }

  /** A person's name, once it is known. */
  readonly useName = (user: UserId | undefined): string | undefined => {
    const name = useStore(this.#known, known => (user === undefined ? undefined : known.get(user)))
    useEffect(() => {
      if (user !== undefined && name === undefined) this.#need(user)
    }, [user, name])
    return name
  }

  #need(user: UserId): void {
    if (this.#asked.has(user)) return
    this.#asked.add(user)
    if (this.#asking) return
    this.#asking = true
    // Everybody who is drawn in one go is asked for once.
    queueMicrotask(() => void this.#ask())
  }

  async #ask(): Promise<void> {
    const asked = [...this.#asked]
    this.#asking = false
    try {
      const { participants } = await this.#client.call('room.get', { room: this.#room })
      const known = new Map(this.#known.getState())
      for (const { user, name } of participants) if (name !== undefined) known.set(user, name)
      this.#known.setState(known, true)
    } catch {
      // Who is drawn next asks again.
      for (const user of asked) this.#asked.delete(user)
    }
  }
}
