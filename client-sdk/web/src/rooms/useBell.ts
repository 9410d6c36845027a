import { useEffect, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { toast } from '../ui/Toast.tsx'
import { chosen } from './devices.ts'
import { useKnocking, useView } from './hooks.ts'
import { ring } from './level.ts'

/** Rings when somebody knocks, and when the person is let in: they may be reading elsewhere. */
export function useBell(isSeen: boolean): void {
  const t = useText()
  const knocks = useKnocking().length > 0
  const state = useView(({ state }) => state.state)
  const waits = state === 'waiting'
  const waited = useRef(waits)
  // Once for all who stand there: a bell that rings for each of them says nothing.
  useEffect(() => {
    if (knocks) bell()
  }, [knocks])
  useEffect(() => {
    // Who is turned away, or goes, waits no more either.
    if (waited.current && !waits && state !== 'left') {
      bell()
      if (!isSeen) toast('good', t('rooms.let.in'))
    }
    waited.current = waits
  }, [waits, state, isSeen, t])
}

function bell(): void {
  // Where the browser plays nothing before it was touched, the words stand on the page.
  ring(chosen.getState().speaker).catch(() => {})
}
