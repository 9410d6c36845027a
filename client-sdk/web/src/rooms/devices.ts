/** The camera, the microphone and the speaker of this device, and which of them was chosen last. */

import { openCamera, openMicrophone } from '@carillon/client/rooms'
import { createStore } from 'zustand/vanilla'

/** What is chosen, by the browser's ids; the browser's own choice if absent. */
export interface Choice {
  readonly microphone?: string
  readonly camera?: string
  readonly speaker?: string
}

export type Kind = keyof Choice

const KEY = 'carillon-devices'
const KINDS: Record<Kind, MediaDeviceKind> = {
  microphone: 'audioinput',
  camera: 'videoinput',
  speaker: 'audiooutput',
}

/** What was chosen on this device. */
export const chosen = createStore<Choice>(() => stored())

function stored(): Choice {
  try {
    const known: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return typeof known === 'object' && known !== null ? known : {}
  } catch {
    // Somebody else wrote it, or storage is closed: the browser chooses.
    return {}
  }
}

/** Remembers a choice for the next meeting too. */
export function choose(kind: Kind, id: string): void {
  chosen.setState({ [kind]: id })
  try {
    localStorage.setItem(KEY, JSON.stringify(chosen.getState()))
  } catch {
    // Storage is closed or full: it holds for this meeting.
  }
}

/** The devices of a kind that have a name: before permission is given there is none. */
export async function devicesOf(kind: Kind): Promise<MediaDeviceInfo[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? []
  return all.filter(device => device.kind === KINDS[kind] && device.label !== '')
}

/** Why a device cannot be used. */
export type Trouble = 'denied' | 'missing' | 'busy' | 'insecure'

/** What an error of `getUserMedia` means. */
export function troubleOf(error: unknown): Trouble {
  // Browsers have devices on secure pages only.
  if (!navigator.mediaDevices) return 'insecure'
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing'
  return 'busy'
}

/**
 * Opens the chosen camera or microphone; another one if that has been unplugged.
 *
 * @throws what `getUserMedia` throws; see {@link troubleOf}
 */
export async function open(
  kind: 'microphone' | 'camera',
  id: string | undefined = chosen.getState()[kind],
): Promise<MediaStreamTrack> {
  const openOne = kind === 'microphone' ? openMicrophone : openCamera
  try {
    return await openOne(id)
  } catch (error) {
    if (id === undefined || troubleOf(error) !== 'missing') throw error
    return openOne()
  }
}

/** Whether a page may choose where sound comes out. */
export const choosesSpeaker = 'setSinkId' in HTMLMediaElement.prototype
