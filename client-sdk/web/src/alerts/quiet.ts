/** Quiet hours: on which days they begin, and how they are told. */

import type { DingPolicyQuiet } from '@carillon/client'
import { clockOf, weekdays } from './moments.ts'

/** The days as the protocol has them; Monday is the first. */
export const DAYS = [1, 2, 3, 4, 5, 6, 7] as const

/** A beginning for quiet hours: every night. */
export const NIGHT: DingPolicyQuiet = { from_min: 22 * 60, until_min: 8 * 60 }

/** Whether they begin on a day; where none is named, they do on every day. */
export function beginsOn(days: readonly number[], day: number): boolean {
  return days.length === 0 || days.includes(day)
}

/** The days with or without one; none are named for all of them. */
export function daysWith(days: readonly number[], day: number, on: boolean): number[] {
  const chosen = DAYS.filter(it => (it === day ? on : beginsOn(days, it)))
  return chosen.length === DAYS.length ? [] : chosen
}

/** In short: `Sat and Sun 22:00 – 08:00`; without days if they are every day. */
export function quietWords(
  language: string,
  { from_min, until_min, days = [] }: DingPolicyQuiet,
): string {
  const hours = `${clockOf(from_min)} – ${clockOf(until_min)}`
  if (days.length === 0) return hours
  const names = weekdays(language, 'short').filter((_, at) => days.includes(at + 1))
  return `${new Intl.ListFormat(language).format(names)} ${hours}`
}
