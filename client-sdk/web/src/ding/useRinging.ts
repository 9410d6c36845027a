import { useEffect, useState } from 'react'
import type { Call } from './alerts.ts'
import { type Rung, ring } from './sound.ts'

export interface Ringing {
  /** Whether it is heard. */
  rung: Rung | 'silent'
  /** Stops it, until one of them comes again or another one does. */
  hush: () => void
}

/** Rings for all that are to be heard, in sight or behind another one, each time one comes. */
export function useRinging(calls: readonly Call[]): Ringing {
  const [rung, setRung] = useState<Rung | 'silent'>('silent')
  const [hushed, setHushed] = useState<ReadonlySet<string>>(new Set())
  const loud = calls.filter(({ sound }) => sound).map(({ key, times }) => `${key} ${times}`)
  const rings = loud.filter(one => !hushed.has(one)).join()
  useEffect(() => {
    if (!rings) return
    const stop = ring(setRung)
    return () => {
      stop()
      setRung('silent')
    }
  }, [rings])
  return { rung, hush: () => setHushed(new Set(loud)) }
}
