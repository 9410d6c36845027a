import { useMemo } from 'react'
import { useLanguage } from '../texts/language.tsx'
import { useMe } from './workspace.ts'

const TIME = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const

/** Times in the person's language and time zone. */
export interface When {
  /** The day, as `22 Nov 2026`. */
  day: (ms: number) => string
  /** The day and the time. */
  moment: (ms: number) => string
}

export function useWhen(): When {
  return useWhenIn(useMe().tz)
}

/** Times in the person's language and in this time zone. */
export function useWhenIn(tz: string): When {
  const language = useLanguage()
  return useMemo(() => {
    const timeZone = known(tz)
    const day = new Intl.DateTimeFormat(written(language), { dateStyle: 'medium', timeZone })
    const time = new Intl.DateTimeFormat(written(language), { ...TIME, timeZone })
    return {
      day: ms => day.format(ms),
      moment: ms => `${day.format(ms)} ${time.format(ms)}`,
    }
  }, [language, tz])
}

/** What a clock shows in another time zone; nothing if this browser does not know it. */
export function clock(ms: number, language: string, tz: string): string | undefined {
  const timeZone = known(tz)
  if (timeZone === undefined) return undefined
  const style = { ...TIME, weekday: 'short', timeZone } as const
  return new Intl.DateTimeFormat(written(language), style).format(ms)
}

/** English dates are written as in Hong Kong: the day before the month. */
function written(language: string): string {
  return language === 'en' ? 'en-HK' : language
}

/** A time zone, if this browser knows it; otherwise its own is shown. */
function known(tz: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: tz }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}
