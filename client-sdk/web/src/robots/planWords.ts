import type { Key, Text } from '../texts/language.tsx'
import { type Often, planOf } from './cron.ts'

/** The choices, as a list has them. */
export const OFTEN_NAMES: Readonly<Record<Often, Key>> = {
  weekdays: 'schedules.weekdays',
  daily: 'schedules.daily',
  weekly: 'schedules.weekly',
  monthly: 'schedules.monthly',
  own: 'schedules.own',
}

/** A Sunday at midnight, UTC. */
const SUNDAY = Date.UTC(2024, 0, 7)
const DAY_MS = 24 * 60 * 60_000

/** The names of the days, from Sunday as cron counts them. */
export function dayNames(language: string): string[] {
  const format = new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'UTC' })
  return Array.from({ length: 7 }, (_, day) => format.format(SUNDAY + day * DAY_MS))
}

/** When a cron expression is due, in words; one that has none, as it is. */
export function planWords(t: Text, language: string, cron: string): string {
  const { often, time, weekday, date } = planOf(cron)
  switch (often) {
    case 'weekdays':
      return t('schedules.words.weekdays', { time })
    case 'daily':
      return t('schedules.words.daily', { time })
    case 'weekly':
      return t('schedules.words.weekly', { time, day: dayNames(language)[weekday] ?? '' })
    case 'monthly':
      return t('schedules.words.monthly', { time, date })
    default:
      return t('schedules.words.own', { cron })
  }
}
