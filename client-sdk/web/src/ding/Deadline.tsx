import { Clock } from 'lucide-react'
import { useLanguage, useText } from '../texts/language.tsx'
import { useMoment, useNowEvery } from './moments.ts'
import { spellMinutes } from './spell.ts'

/** Beyond this nobody counts. */
const COUNTED_MS = 24 * 3_600_000
const LOOKS_MS = 15_000

/** Until when an answer is asked for, and how long that is from now. */
export function Deadline({ at }: { at: number }) {
  const t = useText()
  const language = useLanguage()
  const moment = useMoment()
  const left = at - useNowEvery(LOOKS_MS)
  const when = moment(at)
  const words =
    left <= 0
      ? t('ding.by.over', { when })
      : left < COUNTED_MS
        ? t('ding.by.left', { when, left: spellMinutes(left, language) })
        : t('ding.by.when', { when })
  return (
    <p className={left <= 0 ? 'ding-deadline ding-over' : 'ding-deadline'}>
      <Clock aria-hidden="true" />
      {words}
    </p>
  )
}
