/** What people notice for a moment: reactions, and who comes and goes. */

import type { RoomParticipant, RoomParticipantId, RoomSource } from '@carillon/client'

export type Happening =
  | { kind: 'reaction'; participant: RoomParticipantId; emoji: string }
  | { kind: 'joined'; participant: RoomParticipant }
  /** `stillThere` if the person is there with another device. */
  | { kind: 'left'; participant: RoomParticipant; stillThere?: boolean }
  /** A moderator has muted something of the person's. */
  | { kind: 'muted'; source: RoomSource }

/** Long enough to be seen and to be read. */
const SHOWN_MS = 4_000
/** Everybody may come at the hour, and clap; more at once are not counted. The oldest goes first. */
const HAPPENINGS_MAX = 100

/** Keeps each for a moment. */
export class Happenings {
  readonly #tell: (happenings: readonly Happening[]) => void
  #all: readonly Happening[] = []

  constructor(tell: (happenings: readonly Happening[]) => void) {
    this.#tell = tell
  }

  add(happening: Happening): void {
    this.#show([...this.#all, happening].slice(-HAPPENINGS_MAX))
    setTimeout(() => this.#show(this.#all.filter(other => other !== happening)), SHOWN_MS)
  }

  #show(all: readonly Happening[]): void {
    this.#all = all
    this.#tell(all)
  }
}
