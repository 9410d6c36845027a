/** Times that somebody chooses without knowing what a cron expression is. */

/** When something is posted. `own`: an expression that these choices do not cover. */
export type Often = 'daily' | 'weekdays' | 'weekly' | 'monthly' | 'own'

export interface Plan {
  often: Often
  /** As `09:00`. */
  time: string
  /** The day of the week, 0 for Sunday, as cron has it. */
  weekday: number
  /** The day of the month. */
  date: number
  /** The expression as it is, for `own`. */
  cron: string
}

export const OFTEN: readonly Often[] = ['weekdays', 'daily', 'weekly', 'monthly', 'own']

/** Every weekday at nine. */
export const USUAL: Plan = {
  often: 'weekdays',
  time: '09:00',
  weekday: 1,
  date: 1,
  cron: '0 9 * * 1-5',
}

const SIMPLE = /^(\d{1,2}) (\d{1,2}) (\d{1,2}|\*) \* (1-5|[0-7]|\*)$/
const HOURS = 24
const MINUTES = 60
const DATE_MAX = 31

/** The cron expression of a plan. */
export function cronOf({ often, time, weekday, date, cron }: Plan): string {
  if (often === 'own') return cron.trim().replace(/\s+/g, ' ')
  const [hours = '0', minutes = '0'] = time.split(':')
  const at = `${Number(minutes)} ${Number(hours)}`
  if (often === 'weekdays') return `${at} * * 1-5`
  if (often === 'weekly') return `${at} * * ${weekday}`
  return often === 'monthly' ? `${at} ${date} * *` : `${at} * * *`
}

/** The plan that an expression means. */
export function planOf(cron: string): Plan {
  const own: Plan = { ...USUAL, often: 'own', cron }
  const [, minutes, hours, date = '', days = ''] = SIMPLE.exec(cron) ?? []
  if (minutes === undefined || Number(minutes) >= MINUTES || Number(hours) >= HOURS) return own
  const two = (number: string | undefined) => `${number}`.padStart(2, '0')
  const at = { ...own, time: `${two(hours)}:${two(minutes)}` }
  if (date !== '*') {
    const isPlain = days === '*' && Number(date) >= 1 && Number(date) <= DATE_MAX
    return isPlain ? { ...at, often: 'monthly', date: Number(date) } : own
  }
  if (days === '*') return { ...at, often: 'daily' }
  if (days === '1-5') return { ...at, often: 'weekdays' }
  return { ...at, often: 'weekly', weekday: Number(days) % 7 }
}
