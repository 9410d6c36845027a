/**
 * One's place in a room, for a page that is loaded again. Every window has its own; a window that was
 * closed and opened again, or copied, does not have one.
 */

import type { RoomId, RoomParticipantId } from '@carillon/client'

export interface Place {
  readonly room: RoomId
  readonly place: RoomParticipantId
  /** What was on. */
  readonly microphone: boolean
  readonly camera: boolean
}

/** A place, and when the page that had it was last there. */
export interface Kept extends Place {
  readonly at: number
}

const KEY = 'carillon-meeting'
/** Who loads the page again is back by then; who comes later is asked what to switch on. */
const BACK_MS = 60_000
/** A page that is loaded again lets go of its place within this time. */
const FREE_MS = 2_000

/** The place that this page has. */
let own: Place | undefined

export function keepPlace(place: Place): void {
  own = place
  write(place)
  void takePlace(place.place)
}

function write(place: Place): void {
  try {
    const kept: Kept = { ...place, at: Date.now() }
    sessionStorage.setItem(KEY, JSON.stringify(kept))
  } catch {
    // Storage is closed: whoever loads the page again joins anew.
  }
}

if (typeof addEventListener === 'function') addEventListener('pagehide', () => own && write(own))

export function forgetPlace(): void {
  own = undefined
  holding?.free()
  holding = undefined
  try {
    sessionStorage.removeItem(KEY)
  } catch {
    // Storage is closed: nothing was kept.
  }
}

/** The place in this room that this page had before it was loaded again. */
export function placeIn(room: RoomId): Place | undefined {
  const [page] = performance.getEntriesByType('navigation')
  const how = page instanceof PerformanceNavigationTiming ? page.type : undefined
  try {
    const kept: Kept | null = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    return kept && comesBack(kept, room, how, Date.now()) ? kept : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether a page that was opened in this way goes on where the one before it was: a window restored
 * after a day would else show a camera to people whom nobody expects to be there.
 */
export function comesBack(
  kept: Kept,
  room: RoomId,
  how: NavigationTimingType | undefined,
  now: number,
): boolean {
  const age = now - kept.at
  return kept.room === room && how === 'reload' && age >= 0 && age < BACK_MS
}

/** The place that other windows see as taken. */
let holding: { place: RoomParticipantId; free: () => void } | undefined

/**
 * Takes a place for this window as long as it has it: two windows at one place would take each
 * other's connections away for ever. Tells whether it was free.
 */
export async function takePlace(place: RoomParticipantId): Promise<boolean> {
  if (holding?.place === place) return true
  // Where there are no locks there are no devices either.
  const { locks } = navigator
  if (!locks) return true
  holding?.free()
  let free = () => {}
  const left = new Promise<void>(resolve => {
    free = resolve
  })
  holding = { place, free }
  return new Promise(resolve => {
    const held = locks.request(
      `carillon-place-${place}`,
      { signal: AbortSignal.timeout(FREE_MS) },
      () => {
        resolve(true)
        return left
      },
    )
    held.catch(() => {
      if (holding?.place === place) holding = undefined
      resolve(false)
    })
  })
}
