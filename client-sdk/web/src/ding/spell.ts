/** Lengths of time and money in words. */

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const UNITS = [
  [DAY_MS, 'day'],
  [HOUR_MS, 'hour'],
  [MINUTE_MS, 'minute'],
  [SECOND_MS, 'second'],
] as const

/** How long something is, in its two largest units: `1 hour 30 minutes`. */
export function spell(ms: number, language: string): string {
  const largest = UNITS.findIndex(([unit]) => ms >= unit)
  const from = largest === -1 ? UNITS.length - 1 : largest
  let rest = Math.max(0, Math.round(ms / SECOND_MS) * SECOND_MS)
  const words: string[] = []
  for (const [unit, name] of UNITS.slice(from, from + 2)) {
    const count = Math.floor(rest / unit)
    rest -= count * unit
    if (count === 0 && words.length > 0) continue
    const style = { style: 'unit', unit: name, unitDisplay: 'long' } as const
    words.push(new Intl.NumberFormat(language, style).format(count))
  }
  return words.join(' ')
}

/** The same for what passes while one looks: in whole minutes, and never less than one. */
export function spellMinutes(ms: number, language: string): string {
  return spell(Math.max(MINUTE_MS, Math.ceil(ms / MINUTE_MS) * MINUTE_MS), language)
}

/**
 * An amount of money, from hundredths.
 *
 * @param currency by ISO 4217
 */
export function money(hundredths: number, currency: string, language: string): string {
  const style = { style: 'currency', currency, maximumFractionDigits: 2 } as const
  return new Intl.NumberFormat(language, style).format(hundredths / 100)
}
