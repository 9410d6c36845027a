/**
 * Who is in a room: what the events of its log sum up to.
 *
 * A state machine without I/O: the answers of `room.join` and `room.get`, and events, go in; what
 * changed comes out.
 */

import type {
  Event,
  EventData,
  Gone,
  Room,
  RoomHead,
  RoomParticipant,
  RoomParticipantId,
  RoomSource,
} from '../protocol.ts'

/** Events that wait for an earlier one; with more, `room.get` knows better. */
export const EARLY_MAX = 256

/** A room up to an event. Never changed: another state is another object. */
export interface Held {
  readonly head: RoomHead
  /** In the order in which they came. */
  readonly participants: readonly RoomParticipant[]
  readonly seq: number
}

/** What an event says beyond the new state. */
export type Change =
  | { kind: 'joined'; participant: RoomParticipant }
  | { kind: 'left'; participant: RoomParticipant; gone: Gone; stillThere: boolean }
  | { kind: 'changed'; participant: RoomParticipant }
  | { kind: 'ended' }

/** The state that `room.get` answers. */
export function held({ participants, seq, ...head }: Room): Held {
  return { head, participants, seq }
}

/** The state after the next event. Kinds that are not known change nothing but the position. */
export function fold(state: Held, event: Event): Held {
  const next = { ...state, seq: event.seq }
  switch (event.k) {
    case 'room.created':
    case 'room.updated':
      return { ...next, head: (event.data as EventData['room.updated']).head }
    case 'room.started':
      return { ...next, head: { ...state.head, phase: 'open', started_at: event.at } }
    case 'room.ended':
      return { ...next, head: { ...state.head, phase: 'ended', ended_at: event.at } }
    case 'room.joined':
    case 'room.changed': {
      const { participant } = event.data as EventData['room.joined']
      return { ...next, participants: put(state.participants, participant) }
    }
    case 'room.left': {
      const { participant } = event.data as EventData['room.left']
      const others = state.participants.filter(other => other.participant !== participant)
      return { ...next, participants: others }
    }
    default:
      return next
  }
}

function put(all: readonly RoomParticipant[], own: RoomParticipant): readonly RoomParticipant[] {
  const at = all.findIndex(({ participant }) => participant === own.participant)
  return at < 0 ? [...all, own] : all.with(at, own)
}

/** What an event says, to those who were in the state before. */
function change(before: Held, event: Event): Change | undefined {
  switch (event.k) {
    case 'room.joined':
    case 'room.changed': {
      const { participant } = event.data as EventData['room.joined']
      const isLetIn = !participant.waiting && find(before, participant.participant)?.waiting
      return { kind: event.k === 'room.joined' || isLetIn ? 'joined' : 'changed', participant }
    }
    case 'room.left': {
      const { participant: id, gone, still_there } = event.data as EventData['room.left']
      const participant = find(before, id)
      return participant && { kind: 'left', participant, gone, stillThere: still_there ?? false }
    }
    case 'room.ended':
      return { kind: 'ended' }
    default:
      return undefined
  }
}

/** Somebody in a room. */
export function find(
  { participants }: Held,
  id: RoomParticipantId | undefined,
): RoomParticipant | undefined {
  return participants.find(({ participant }) => participant === id)
}

/** Whether somebody sends this, and it is not muted. */
export function isSent(state: Held, id: RoomParticipantId, source: RoomSource): boolean {
  const publication = find(state, id)?.publications?.[source]
  return publication !== undefined && !publication.muted
}

/** Follows the log of a room. */
export class Roster {
  /** `undefined` until the room was answered once. */
  held: Held | undefined
  readonly #early = new Map<number, Event>()

  /** Whether events are missing: `room.get` says what they came to. */
  get gap(): boolean {
    return this.#early.size > 0
  }

  /** Takes an event; answers what changed, or nothing if it comes too early or was known. */
  take(event: Event): Change[] {
    if (event.seq > (this.held?.seq ?? 0)) this.#early.set(event.seq, event)
    const [oldest] = this.#early.keys()
    if (this.#early.size > EARLY_MAX && oldest !== undefined) this.#early.delete(oldest)
    return this.#settle()
  }

  /**
   * Takes a room as it was answered. An answer that is older than what is known says nothing,
   * unless the server was set back to a backup (`anew`).
   */
  replace(room: Room, anew = false): Change[] {
    if (anew) this.#early.clear()
    if (anew || this.held === undefined || room.seq >= this.held.seq) this.held = held(room)
    return this.#settle()
  }

  #settle(): Change[] {
    const changes: Change[] = []
    if (!this.held) return changes
    let state = this.held
    for (const seq of this.#early.keys()) if (seq <= state.seq) this.#early.delete(seq)
    for (let event = this.#early.get(state.seq + 1); event; ) {
      this.#early.delete(event.seq)
      const said = change(state, event)
      if (said) changes.push(said)
      state = fold(state, event)
      event = this.#early.get(state.seq + 1)
    }
    this.held = state
    return changes
  }
}
