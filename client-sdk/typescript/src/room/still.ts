/** Whose pictures do not come though they are sent: their network is away, or one's own is narrow. */

import type { RoomParticipantId } from '../protocol.ts'
import type { Seen } from './stats.ts'

/** Looks without a new frame of a picture; fewer may be a pause between two layers. */
export const STILL_LOOKS = 3

/** Follows the pictures that are looked at, from look to look. */
export class Still {
  /** Whose cameras stand still; a new array after each change. */
  people: readonly RoomParticipantId[] = []
  #silent = new Map<RoomParticipantId, number>()

  /** Takes a look. Tells whether `people` changed. */
  look(seen: readonly Seen[], isSent: (participant: RoomParticipantId) => boolean): boolean {
    const silent = new Map<RoomParticipantId, number>()
    for (const { participant, source, frames } of seen) {
      // A screen that nobody moves anything on is as silent as one that is lost. Bytes tell
      // nothing: the server tries with what it has sent before how much the way carries.
      if (source !== 'camera' || frames > 0 || !isSent(participant)) continue
      silent.set(participant, (this.#silent.get(participant) ?? 0) + 1)
    }
    this.#silent = silent
    const people = [...silent].flatMap(([who, looks]) => (looks >= STILL_LOOKS ? [who] : []))
    if (people.join() === this.people.join()) return false
    this.people = people
    return true
  }
}
