import { useCallback, useEffect, useRef, useState } from 'react'
import { useStore } from 'zustand'
import { chosen, devicesOf, type Kind, open, type Trouble, troubleOf } from './devices.ts'

/** A camera or a microphone before a meeting. */
export type Device =
  | { state: 'off' }
  | { state: 'opening' }
  | { state: 'on'; track: MediaStreamTrack }
  | { state: 'trouble'; trouble: Trouble }

export interface OpenDevice {
  readonly device: Device
  /** Leaves it open for the meeting that takes it over. */
  keep: () => void
  /** Tries again what did not work. */
  again: () => void
}

/** Opens the chosen device while it is wanted, and closes it with the page. */
export function useDevice(kind: 'microphone' | 'camera', wanted: boolean): OpenDevice {
  const id = useStore(chosen, choice => choice[kind])
  const [device, setDevice] = useState<Device>({ state: wanted ? 'opening' : 'off' })
  const [turn, setTurn] = useState(0)
  const kept = useRef(false)
  const again = useCallback(() => setTurn(turn => turn + 1), [])
  useAllowed(kind, device.state === 'trouble' && device.trouble === 'denied', again)
  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn is another attempt
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
  }, [kind, wanted, id, turn])
  const keep = useCallback(() => {
    kept.current = true
  }, [])
  return { device, keep, again }
}

/** Calls once the person allows in the browser what they did not allow before. */
function useAllowed(kind: 'microphone' | 'camera', isDenied: boolean, allowed: () => void): void {
  useEffect(() => {
    if (!isDenied) return
    const end = new AbortController()
    const { signal } = end
    const watch = async () => {
      const status = await navigator.permissions.query({ name: kind })
      const look = () => status.state === 'granted' && !signal.aborted && allowed()
      status.addEventListener('change', look, { signal })
    }
    // A browser that does not tell leaves it to the button.
    watch().catch(() => {})
    return () => end.abort()
  }, [kind, isDenied, allowed])
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
