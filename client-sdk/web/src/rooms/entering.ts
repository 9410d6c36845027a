/** The way into a meeting: what is open goes in, and only once. */

import { useEffect, useRef, useState } from 'react'
import { useTask } from '../app/form.tsx'
import { Refused } from '../texts/failure.ts'
import type { EnterOptions, Meeting, Taken } from './meeting.ts'
import { type Place, takePlace } from './place.ts'
import { type Device, type OpenDevice, useDevice } from './useDevice.ts'

/** The person's camera and microphone before a meeting. */
export interface OwnDevices {
  readonly mic: OpenDevice
  readonly cam: OpenDevice
  /** What is to be on. */
  readonly wanted: { readonly microphone: boolean; readonly camera: boolean }
  readonly setMicrophone: (on: boolean) => void
  readonly setCamera: (on: boolean) => void
  /** Whether the browser still asks, or opens one of them. */
  readonly isOpening: boolean
}

/** Opens both, as they were for whoever was there before the page was loaded again. */
export function useOwnDevices(kept: Place | undefined): OwnDevices {
  const [microphone, setMicrophone] = useState(kept?.microphone ?? true)
  const [camera, setCamera] = useState(kept?.camera ?? true)
  const mic = useDevice('microphone', microphone)
  const cam = useDevice('camera', camera)
  return {
    mic,
    cam,
    wanted: { microphone, camera },
    setMicrophone,
    setCamera,
    isOpening: isOpening(mic.device) || isOpening(cam.device),
  }
}

/** What stands between a person and a meeting. */
export interface Entering {
  /** The button was pressed. */
  readonly busy: boolean
  /** The server is asked: what goes in is what was open then. */
  readonly isUnderWay: boolean
  /** The browser's question has no answer for long. */
  readonly isHeldUp: boolean
  readonly error: unknown
  enter: () => void
}

/** So long the browser's question may stand before one is offered to go in without an answer. */
const HELD_UP_MS = 5_000

/**
 * Goes in with what is open, once every device has been opened or has not: nobody is silent because
 * they were fast. Who was there before the page was loaded again goes in at once.
 *
 * @param go asks the server
 * @param entered takes the meeting over
 */
export function useEntering(
  own: OwnDevices,
  kept: Place | undefined,
  go: (taken: Taken, how: EnterOptions) => Promise<Meeting>,
  entered: (meeting: Meeting) => void,
): Entering {
  const { mic, cam } = own
  const { busy, error, run } = useTask()
  const [wanted, setWanted] = useState(kept !== undefined)
  const isReady = !own.isOpening
  const place = useRef(kept?.place)
  const gone = useGone()
  const enter = async () => {
    const taken = { microphone: trackOf(mic.device), camera: trackOf(cam.device) }
    if (place.current && !(await takePlace(place.current))) {
      // A copy of the window that has the place: it is asked, and gets one of its own.
      place.current = undefined
      return
    }
    const trying = patience(gone())
    try {
      const { signal } = trying
      const participant = place.current
      const meeting = await go(
        taken,
        participant === undefined ? { signal } : { signal, participant },
      )
      mic.keep()
      cam.keep()
      entered(meeting)
    } finally {
      trying.end()
    }
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time that it is wanted
  useEffect(() => {
    if (!wanted || !isReady) return
    void run(enter).then(() => setWanted(false))
  }, [wanted, isReady])
  const isHeldUp = useLasting(wanted && !isReady, HELD_UP_MS)
  return { busy: wanted || busy, isUnderWay: busy, isHeldUp, error, enter: () => setWanted(true) }
}

/** Who has pressed a button and sees nothing happen for longer is told so, and may try again. */
const ENTERING_MS = 20_000

/** A try that ends with the page, or when it takes too long. */
function patience(gone: AbortSignal): { signal: AbortSignal; end: () => void } {
  const own = new AbortController()
  const onGone = () => own.abort(gone.reason)
  if (gone.aborted) onGone()
  gone.addEventListener('abort', onGone)
  const timer = setTimeout(() => own.abort(new Refused('', 'rooms.join.late')), ENTERING_MS)
  const end = () => {
    clearTimeout(timer)
    gone.removeEventListener('abort', onGone)
  }
  return { signal: own.signal, end }
}

/** Ends with the page that asks for it: who has gone back does not want to go in any more. */
function useGone(): () => AbortSignal {
  const life = useRef(new AbortController())
  useEffect(() => {
    life.current = new AbortController()
    return () => life.current.abort()
  }, [])
  return () => life.current.signal
}

/** Whether something has lasted so long. */
export function useLasting(lasts: boolean, ms: number): boolean {
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    if (!lasts) return
    const timer = setTimeout(() => setLong(true), ms)
    return () => {
      clearTimeout(timer)
      setLong(false)
    }
  }, [lasts, ms])
  return isLong
}

function isOpening(device: Device): boolean {
  return device.state === 'opening'
}

function trackOf(device: Device): MediaStreamTrack | undefined {
  return device.state === 'on' ? device.track : undefined
}
