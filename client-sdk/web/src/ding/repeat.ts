/** How often an alert comes again, in a form's choices and as the rule that the server takes. */

/** The days of the week, as RFC 5545 names them; Monday is the first. */
export const DAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const
export type Day = (typeof DAYS)[number]

const WORKDAYS = DAYS.slice(0, 5)

export type Repeat =
  | { readonly every: 'never' | 'day' | 'workday' }
  | { readonly every: 'week'; readonly on: readonly Day[] }
  /** The last day stands for every day that some months do not have. */
  | { readonly every: 'month'; readonly day: number | 'last' }

export type Every = Repeat['every']

/** Some months have no more. */
export const MONTH_DAY_MAX = 28

/** The `RRULE` of RFC 5545, without its name; none if it comes once. */
export function ruleOf(repeat: Repeat): string | undefined {
  if (repeat.every === 'week') return `FREQ=WEEKLY;BYDAY=${inOrder(repeat.on).join()}`
  if (repeat.every === 'month') {
    return `FREQ=MONTHLY;BYMONTHDAY=${repeat.day === 'last' ? -1 : repeat.day}`
  }
  if (repeat.every === 'day') return 'FREQ=DAILY'
  return repeat.every === 'workday' ? `FREQ=WEEKLY;BYDAY=${WORKDAYS.join()}` : undefined
}

/** What a rule says in the form's choices; none if it says more. */
export function repeatOf(rule: string): Repeat | undefined {
  const parts = new Map(rule.split(';').map(part => [part.split('=')[0], part.split('=')[1] ?? '']))
  const freq = parts.get('FREQ')
  const only = (...names: string[]) => [...parts.keys()].every(name => names.includes(name ?? ''))
  if (freq === 'DAILY' && only('FREQ')) return { every: 'day' }
  if (freq === 'WEEKLY' && only('FREQ', 'BYDAY')) {
    const on = DAYS.filter(day => parts.get('BYDAY')?.split(',').includes(day))
    if (on.join() === WORKDAYS.join()) return { every: 'workday' }
    return on.length > 0 ? { every: 'week', on } : undefined
  }
  if (freq === 'MONTHLY' && only('FREQ', 'BYMONTHDAY')) {
    const day = Number(parts.get('BYMONTHDAY'))
    if (day === -1) return { every: 'month', day: 'last' }
    return Number.isInteger(day) && day > 0 ? { every: 'month', day } : undefined
  }
  return undefined
}

/** What a form proposes for a choice, from the day on which the first comes. */
export function proposed(every: Every, first: { weekday: Day; day: number }): Repeat {
  if (every === 'week') return { every, on: [first.weekday] }
  if (every === 'month') return { every, day: first.day > MONTH_DAY_MAX ? 'last' : first.day }
  return { every }
}

/** The day of the week and of the month of a date as a form has it, `2026-11-23`. */
export function dayOf(date: string): { weekday: Day; day: number } {
  const at = new Date(`${date}T00:00:00Z`)
  const weekday = DAYS[(at.getUTCDay() + 6) % 7] ?? 'MO'
  return { weekday, day: at.getUTCDate() }
}

function inOrder(on: readonly Day[]): Day[] {
  return DAYS.filter(day => on.includes(day))
}
