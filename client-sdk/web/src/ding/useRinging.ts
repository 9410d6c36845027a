import { useEffect, useState } from 'react'
import type { Call } from './alerts.ts'
import { type Rung, ring } from './sound.ts'

/** Rings for an alert each time it comes; tells whether it is heard, and how to stop it. */
export function useRinging({ sound, times }: Call): { rung: Rung | 'silent'; hush: () => void } {
  const [rung, setRung] = useState<Rung | 'silent'>('silent')
  const [hushed, setHushed] = useState(0)
  const rings = sound && hushed < times
  // biome-ignore lint/correctness/useExhaustiveDependencies: it rings anew each time it comes
  useEffect(() => {
    if (!rings) return
    const stop = ring(setRung)
    return () => {
      stop()
      setRung('silent')
    }
  }, [rings, times])
  return { rung, hush: () => setHushed(times) }
}
