/** One's place in a room, for a page that is loaded again; every window has its own. */

import type { RoomId, RoomParticipantId } from '@carillon/client'

export interface Place {
  readonly room: RoomId
  readonly place: RoomParticipantId
  /** What was on. */
  readonly microphone: boolean
  readonly camera: boolean
}

const KEY = 'carillon-meeting'

export function keepPlace(place: Place): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(place))
  } catch {
    // Storage is closed: whoever loads the page again joins anew.
  }
}

export function forgetPlace(): void {
  sessionStorage.removeItem(KEY)
}

/** The place in this room that this window had before it was loaded again. */
export function placeIn(room: RoomId): Place | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Place | null
    return kept?.room === room ? kept : undefined
  } catch {
    return undefined
  }
}
