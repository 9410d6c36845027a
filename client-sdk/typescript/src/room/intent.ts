/**
 * What the caller means to send, against what the room says that they send.
 *
 * Both may change at any time: the caller mutes, a moderator mutes, the connection comes back with
 * a roster of its own. One rule settles it: what only one side changed since both were the same
 * holds; if both did, the caller's own will does. So a moderator's mute is not undone by a
 * reconnect, and a mute that was said while the connection was away arrives.
 */

import type { RoomParticipant, RoomPublication, RoomSource } from '../protocol.ts'
import { SOURCES } from './rtc.ts'

/** How something is sent. */
export type How = 'on' | 'muted' | 'off'

interface Matter {
  /** What the caller means. */
  ours: How
  /** What the roster says. */
  seen: How
  /** What was told the server and the roster does not say yet, in order. */
  unseen: How[]
  /** Whether a call is on its way. */
  asked: boolean
}

/** As `room.publish` has it. */
export function publication(how: How): RoomPublication | undefined {
  return how === 'off' ? undefined : { muted: how === 'muted' }
}

function howOf(publication: RoomPublication | undefined): How {
  if (!publication) return 'off'
  return publication.muted ? 'muted' : 'on'
}

/** What is meant of every source. */
export class Intents {
  readonly #matters = new Map<RoomSource, Matter>(
    SOURCES.map(source => [source, { ours: 'off', seen: 'off', unseen: [], asked: false }]),
  )

  #matter(source: RoomSource): Matter {
    const matter = this.#matters.get(source)
    if (!matter) throw new Error(`${source} is no source`)
    return matter
  }

  /** What the caller means. */
  of(source: RoomSource): How {
    return this.#matter(source).ours
  }

  /** The caller means this from now on. */
  set(source: RoomSource, how: How): void {
    this.#matter(source).ours = how
  }

  /** What to tell the server of this source, if anything; the answer goes to `answered`. */
  next(source: RoomSource): How | undefined {
    const matter = this.#matter(source)
    if (matter.asked || matter.ours === (matter.unseen.at(-1) ?? matter.seen)) return undefined
    matter.asked = true
    matter.unseen.push(matter.ours)
    return matter.ours
  }

  /** How the call ended: it is so, the server refuses, or nobody knows (it is told again). */
  answered(source: RoomSource, how: 'done' | 'refused' | 'unknown'): void {
    const matter = this.#matter(source)
    matter.asked = false
    if (how === 'done') return
    const told = matter.unseen.pop()
    if (how === 'refused' && told === matter.ours) matter.ours = matter.unseen.at(-1) ?? matter.seen
  }

  /** The roster says this of the caller, by an event. Answers what others changed. */
  told({ publications = {} }: RoomParticipant): RoomSource[] {
    return SOURCES.filter(source => this.#told(this.#matter(source), howOf(publications[source])))
  }

  #told(matter: Matter, how: How): boolean {
    const before = matter.seen
    if (how === before) return false
    matter.seen = how
    const at = matter.unseen.indexOf(how)
    if (at >= 0) matter.unseen.splice(0, at + 1)
    if (at >= 0 || matter.unseen.length > 0 || matter.ours !== before) return false
    matter.ours = how
    return true
  }

  /**
   * The roster says this of the caller, as a whole: what was told before is in it. Answers what
   * others changed meanwhile.
   */
  cameBack({ publications = {} }: RoomParticipant): RoomSource[] {
    return SOURCES.filter(source => {
      const matter = this.#matter(source)
      if (!matter.asked) matter.unseen = []
      return this.#told(matter, howOf(publications[source]))
    })
  }

  /** The caller came in for the first time, and this is left of before: it is not what they mean. */
  found({ publications = {} }: RoomParticipant): void {
    for (const [source, matter] of this.#matters) matter.seen = howOf(publications[source])
  }

  /** The caller has another place in the room, of which nothing was said yet. */
  anew(): void {
    for (const matter of this.#matters.values()) {
      matter.seen = 'off'
      matter.unseen = []
    }
  }
}
