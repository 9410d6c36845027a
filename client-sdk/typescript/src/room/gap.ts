/** Closes gaps in what is heard of a room: what the missing events came to can be asked for. */

import { after } from '../clock.ts'
import type { Room } from '../protocol.ts'
import type { Change, Roster } from './roster.ts'

/** A gap may close by itself; after so long the room is asked for. */
const GAP_MS = 500

/** Who asks, and hears of it. */
export interface GapHearer {
  /** Asks for the room. */
  ask(): Promise<Room>
  /** The roster is as the room was answered. */
  closed(room: Room, changes: Change[]): void
  /** The room was not answered. */
  failed(): void
  /** Whether nobody wants to know any more. */
  over(): boolean
}

/** Asks for a room, one question at a time. */
export class Gap {
  readonly #roster: Roster
  readonly #hearer: GapHearer
  #busy = false

  constructor(roster: Roster, hearer: GapHearer) {
    this.#roster = roster
    this.#hearer = hearer
  }

  /** Events are missing. */
  soon(): void {
    if (this.#busy || !this.#roster.held) return
    this.#busy = true
    after(GAP_MS, () => {
      this.#busy = false
      if (this.#roster.gap && !this.#hearer.over()) void this.close(false)
    })
  }

  /** Asks now; `anew` if the server was set back, and what is known is void. */
  async close(anew: boolean): Promise<void> {
    this.#busy = true
    try {
      const room = await this.#hearer.ask()
      this.#busy = false
      this.#hearer.closed(room, this.#roster.replace(room, anew))
      if (this.#roster.gap) this.soon()
    } catch {
      // What refuses this says why when the room is joined again.
      this.#busy = false
      this.#hearer.failed()
    }
  }
}
