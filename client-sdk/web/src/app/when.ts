import { useMemo } from 'react'
import { useLanguage } from '../texts/language.tsx'
import { useMe } from './workspace.ts'

/** Times in the person's language and time zone. */
export interface When {
  /** The day, as `22 Nov 2026`. */
  day: (ms: number) => string
  /** The day and the time. */
  moment: (ms: number) => string
}

export function useWhen(): When {
  const language = useLanguage()
  const { tz } = useMe()
  return useMemo(() => {
    const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: tz })
    const moment = new Intl.DateTimeFormat(language, {
      dateStyle: 'medium',
      timeStyle: 'short',
      timeZone: tz,
    })
    return { day: ms => day.format(ms), moment: ms => moment.format(ms) }
  }, [language, tz])
}

/** What a clock shows in another time zone. */
export function clock(ms: number, language: string, timeZone: string): string {
  const format = { weekday: 'short', hour: 'numeric', minute: '2-digit', timeZone } as const
  return new Intl.DateTimeFormat(language, format).format(ms)
}
