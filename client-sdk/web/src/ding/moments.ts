import { useEffect, useState } from 'react'
import { useWhen } from '../app/when.ts'
import { useCalendar, useToday } from '../model/hooks.ts'

/** A moment in few words, also of a day to come: the time alone today. */
export function useMoment(): (at: number) => string {
  const calendar = useCalendar()
  const today = useToday(calendar)
  const when = useWhen()
  return at => {
    const ahead = calendar.dayOf(at) - calendar.dayOf(today)
    if (ahead === 0) return calendar.time(at)
    return ahead > 0 ? when.moment(at) : calendar.moment(at, today)
  }
}

/** The time, looked at again as often as it matters here. */
export function useNowEvery(ms: number): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms)
    return () => clearInterval(timer)
  }, [ms])
  return now
}
