import { useCallback, useEffect, useRef, useState } from 'react'
import { useStore } from 'zustand'
import { chosen, devicesOf, type Kind, open, type Trouble, troubleOf } from './devices.ts'

/** A camera or a microphone before a meeting. */
export type Device =
  | { state: 'off' }
  | { state: 'opening' }
  | { state: 'on'; track: MediaStreamTrack }
  | { state: 'trouble'; trouble: Trouble }

/**
 * Opens the chosen device while it is wanted, and closes it with the page; `keep` leaves it open for
 * the meeting that takes it over.
 */
export function useDevice(
  kind: 'microphone' | 'camera',
  wanted: boolean,
): { device: Device; keep: () => void } {
  const id = useStore(chosen, choice => choice[kind])
  const [device, setDevice] = useState<Device>({ state: wanted ? 'opening' : 'off' })
  const kept = useRef(false)
  useEffect(() => {
    if (!wanted) {
      setDevice({ state: 'off' })
      return
    }
    let isCurrent = true
    let track: MediaStreamTrack | undefined
    setDevice({ state: 'opening' })
    open(kind, id).then(
      opened => {
        if (!isCurrent) return opened.stop()
        track = opened
        setDevice({ state: 'on', track })
        opened.onended = () => setDevice({ state: 'trouble', trouble: 'missing' })
      },
      error => isCurrent && setDevice({ state: 'trouble', trouble: troubleOf(error) }),
    )
    return () => {
      isCurrent = false
      if (!track || kept.current) return
      track.onended = null
      track.stop()
    }
  }, [kind, wanted, id])
  const keep = useCallback(() => {
    kept.current = true
  }, [])
  return { device, keep }
}

/** The devices of a kind, also when one is plugged in; asked again when `opened` changes. */
export function useDevices(kind: Kind, opened: unknown): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([])
  // biome-ignore lint/correctness/useExhaustiveDependencies: names are told once one was opened
  useEffect(() => {
    const look = () => void devicesOf(kind).then(setDevices)
    look()
    navigator.mediaDevices?.addEventListener('devicechange', look)
    return () => navigator.mediaDevices?.removeEventListener('devicechange', look)
  }, [kind, opened])
  return devices
}
