import { Mic } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { meter } from './level.ts'

/** How loud the microphone hears one. It moves without drawing the page again. */
export function Meter({ track }: { track: MediaStreamTrack }) {
  const t = useText()
  const bar = useRef<HTMLMeterElement>(null)
  useEffect(
    () =>
      meter(track, level => {
        if (bar.current) bar.current.value = level
      }),
    [track],
  )
  return (
    <div className="meter">
      <Mic aria-hidden="true" />
      <meter ref={bar} min={0} max={1} aria-label={t('rooms.level')} />
    </div>
  )
}
