import { Signal, SignalLow, SignalMedium } from 'lucide-react'
import { useEffect, useState } from 'react'
import { type Text, useText } from '../texts/language.tsx'
import { useMeeting, useView } from './hooks.ts'

/** So often the delay is measured: often enough to see it change, too seldom to cost anything. */
const MEASURED_MS = 2_000

interface Delay {
  readonly ms: number
  readonly network: number
}

/** How good the connection is, and how long the others' words take to here. */
export function Quality() {
  const t = useText()
  const quality = useView(view => view.quality)
  const delay = useDelay()
  const look = {
    good: { icon: <Signal aria-hidden="true" />, words: t('rooms.quality.good') },
    fair: { icon: <SignalMedium aria-hidden="true" />, words: t('rooms.quality.fair') },
    poor: { icon: <SignalLow aria-hidden="true" />, words: t('rooms.quality.poor') },
  }[quality]
  return (
    <p className={`quality quality-${quality}`}>
      {look.icon}
      <span className={quality === 'good' ? 'visually-hidden' : undefined}>{look.words}</span>
      {delay && <span className="quality-delay">{words(t, delay)}</span>}
    </p>
  )
}

function words(t: Text, { ms, network }: Delay): string {
  return t('rooms.delay', { ms, network })
}

function useDelay(): Delay | undefined {
  const { room } = useMeeting()
  const [delay, setDelay] = useState<Delay>()
  useEffect(() => {
    let isCurrent = true
    const look = async () => {
      const { delayMs, networkMs } = (await room.stats()) ?? {}
      if (!isCurrent || delayMs === undefined || networkMs === undefined) return
      setDelay({ ms: Math.round(delayMs), network: Math.round(networkMs) })
    }
    // A connection that has ended has nothing to tell: what was measured last stays.
    const timer = setInterval(() => void look().catch(() => {}), MEASURED_MS)
    return () => {
      isCurrent = false
      clearInterval(timer)
    }
  }, [room])
  return delay
}
