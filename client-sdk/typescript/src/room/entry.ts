/**
 * The way into a room. A place that is not wanted any more when the server answers is given back:
 * the others would see somebody who is not there.
 */

import { after, now } from '../clock.ts'
import { CarillonError, errorBody, local, reasonOf } from '../error.ts'
import type { RoomId, RoomJoined, RoomParticipantId } from '../protocol.ts'
import type { MeetingClient } from './presence.ts'

/** What is asked when a meeting ends is given up after so long; the server notices by itself. */
const LATE_MS = 5_000

/** Joins a room, one try at a time. */
export class Entry {
  readonly #client: MeetingClient
  readonly #room: RoomId
  /** Gives up the try that is under way. */
  #giveUp: (error: CarillonError) => void = () => {}
  /** Resolves when what was given up holds no place any more. */
  #settled: Promise<void> = Promise.resolve()

  constructor(client: MeetingClient, room: RoomId) {
    this.#client = client
    this.#room = room
  }

  /** Joins, as the participant of before if there is one; gives up after so long. */
  async join(as: RoomParticipantId | undefined, ms?: number): Promise<RoomJoined> {
    const call = new AbortController()
    let isGivenUp = false
    const joining = this.#ask(as, call.signal, () => isGivenUp)
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = error => {
        isGivenUp = true
        this.#settled = this.#giveBack(joining, as, call)
        reject(error)
      }
    })
    const late = local('E_OFFLINE', 'the server did not let one in for too long')
    const timer = ms === undefined ? undefined : after(ms, () => this.#giveUp(late))
    try {
      return await Promise.race([joining, givenUp])
    } finally {
      clearTimeout(timer)
      this.#giveUp = () => {}
    }
  }

  /** Nobody wants to come in any more. */
  end(error: CarillonError): void {
    this.#giveUp(error)
  }

  /** Leaves, and whatever is answered late; in vain if the server is not reached in time. */
  async leave(participant: RoomParticipantId | undefined): Promise<void> {
    if (participant !== undefined) await this.#leave(participant)
    await this.#settled
  }

  async #leave(participant: RoomParticipantId): Promise<void> {
    const late = new AbortController()
    const { signal } = late
    const timer = after(LATE_MS, () => late.abort())
    try {
      await this.#client.call('room.leave', { participant }, { signal })
    } catch (thrown) {
      if (!signal.aborted && asError(thrown).code !== 'E_NOT_FOUND') throw thrown
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask(
    as: RoomParticipantId | undefined,
    signal: AbortSignal,
    isGivenUp: () => boolean,
  ): Promise<RoomJoined> {
    const room = this.#room
    if (as === undefined) return this.#come(signal)
    try {
      return await this.#client.call('room.join', { room, participant: as }, { signal })
    } catch (thrown) {
      if (asError(thrown).code !== 'E_NOT_FOUND' || isGivenUp()) throw thrown
      // The place was given up meanwhile: there is another one.
      return this.#come(signal)
    }
  }

  /** Joins at a new place. Of a try whose answer was lost there is one too, which is given back. */
  async #come(signal: AbortSignal): Promise<RoomJoined> {
    const from = now()
    let isCut = false
    const stop = this.#client.listen(update => {
      if (update.kind === 'connection' && update.connection.state === 'offline') isCut = true
    })
    try {
      const joined = await this.#client.call('room.join', { room: this.#room }, { signal })
      if (isCut) {
        // In vain if the server cannot be reached: it notices by itself.
        for (const ghost of ghosts(joined, now() - from)) void this.#leave(ghost).catch(() => {})
      }
      return joined
    } finally {
      stop()
    }
  }

  /** The place of before stays: it is the next try's, or left by who leaves. */
  async #giveBack(
    joining: Promise<RoomJoined>,
    as: RoomParticipantId | undefined,
    call: AbortController,
  ): Promise<void> {
    const timer = after(LATE_MS, () => call.abort())
    try {
      const { participant } = await joining
      if (participant !== as) await this.#leave(participant)
    } catch {
      // There is no place, or the server cannot be reached, and notices by itself.
    } finally {
      clearTimeout(timer)
    }
  }
}

/**
 * One's other places that nobody may know of: made within so long before this one, and nothing is
 * sent from them. A device of the same person that came within these seconds may be among them,
 * and is asked to join again.
 */
function ghosts({ participant, room }: RoomJoined, ms: number): RoomParticipantId[] {
  const own = room.participants.find(other => other.participant === participant)
  if (!own) return []
  const others = room.participants.filter(
    other =>
      other.participant !== participant &&
      other.user === own.user &&
      other.joined_at >= own.joined_at - ms &&
      Object.keys(other.publications ?? {}).length === 0,
  )
  return others.map(other => other.participant)
}

/** Whatever was thrown, as an error of the client. */
export function asError(thrown: unknown): CarillonError {
  if (thrown instanceof CarillonError) return thrown
  return new CarillonError(errorBody('E_UNAVAILABLE', reasonOf(thrown)), thrown)
}
