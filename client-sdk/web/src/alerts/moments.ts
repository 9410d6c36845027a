/** Times of a step, of a day and of a week, as forms show them. */

/** How long after the beginning a step may come, in seconds; others are shown if they are set. */
export const AFTER_S = [
  0, 60, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 14_400, 28_800, 86_400,
] as const

/** How far apart the tries of a step may be, in seconds. */
export const APART_S = [60, 120, 180, 300, 600, 900, 1800, 3600] as const

const HOUR_MIN = 60
const DAY_MIN = 24 * HOUR_MIN
export const WEEK_MIN = 7 * DAY_MIN
/** A Monday at midnight, UTC. */
const MONDAY = Date.UTC(2024, 0, 1)

/** These, and the one that is chosen, in order. */
export function withChosen(offered: readonly number[], chosen: number): number[] {
  return [...new Set([...offered, chosen])].sort((one, other) => one - other)
}

/** A minute of the day as `09:05`, as a field for times has it. */
export function clockOf(minute: number): string {
  const [hours, minutes] = [Math.floor(minute / HOUR_MIN), minute % HOUR_MIN]
  return `${`${hours}`.padStart(2, '0')}:${`${minutes}`.padStart(2, '0')}`
}

/** The minute of the day; nothing if it is no time. */
export function minuteOf(clock: string): number | undefined {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(clock) ?? []
  const minute = Number(hours) * HOUR_MIN + Number(minutes)
  return Number.isInteger(minute) && minute < DAY_MIN ? minute : undefined
}

/** The day of a minute of the week, from 0 for Monday, and the minute of that day. */
export function dayAndMinute(ofWeek: number): { day: number; minute: number } {
  return { day: Math.floor(ofWeek / DAY_MIN), minute: ofWeek % DAY_MIN }
}

export function ofWeek(day: number, minute: number): number {
  return day * DAY_MIN + minute
}

/** A day later; after Sunday comes Monday. */
export function nextDay(ofWeek: number): number {
  return (ofWeek + DAY_MIN) % WEEK_MIN
}

/** The names of the days, from Monday. */
export function weekdays(language: string, style: 'long' | 'short' = 'long'): string[] {
  const format = new Intl.DateTimeFormat(language, { weekday: style, timeZone: 'UTC' })
  return Array.from({ length: 7 }, (_, day) => format.format(MONDAY + day * DAY_MIN * 60_000))
}

/** A turn of a rota in short: `Mon 09:00 – Mon 18:00`. */
export function turnWords(language: string, from: number, until: number): string {
  const names = weekdays(language, 'short')
  const moment = (at: number) => {
    const { day, minute } = dayAndMinute(at)
    return `${names[day] ?? ''} ${clockOf(minute)}`
  }
  return `${moment(from)} – ${moment(until)}`
}
