/** What a clock on the wall of a time zone shows, and the moment at which it does. */

/** How far a time zone is ahead of UTC at a moment, in milliseconds. */
function ahead(at: number, timeZone: string): number {
  const fields = { year: 'numeric', month: '2-digit', day: '2-digit' } as const
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const parts = new Intl.DateTimeFormat('en', { ...fields, ...clock, timeZone }).formatToParts(at)
  const part = (type: string) => parts.find(found => found.type === type)?.value ?? '00'
  const day = `${part('year')}-${part('month')}-${part('day')}`
  const shown = Date.parse(`${day}T${part('hour')}:${part('minute')}:${part('second')}Z`)
  return shown - Math.floor(at / 1_000) * 1_000
}

/**
 * The moment at which clocks of a time zone show this date (`2026-11-23`) and time (`09:30`); none
 * if they are not filled in. A time that is left out in spring is the one an hour later.
 */
export function instantOf(date: string, time: string, tz: string): number | undefined {
  const shown = Date.parse(`${date}T${time}Z`)
  if (Number.isNaN(shown)) return undefined
  const guess = shown - ahead(shown, tz)
  return shown - ahead(guess, tz)
}

/** The date and the time that a time zone's clocks show at a moment, as a form has them. */
export function wallOf(at: number, tz: string): { date: string; time: string } {
  const shown = new Date(at + ahead(at, tz)).toISOString()
  return { date: shown.slice(0, 10), time: shown.slice(11, 16) }
}
