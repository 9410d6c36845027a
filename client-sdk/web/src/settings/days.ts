/** Days as a field of dates writes them, and the moments at which they begin and end. */

/** The beginning of a day, or of one so many days later, by the clock on the wall. */
export function beginning(day: string, later = 0): number | undefined {
  const [year, month, date] = day.split('-').map(Number)
  if (year === undefined || month === undefined || date === undefined) return undefined
  const at = new Date(year, month - 1, date + later).getTime()
  return Number.isNaN(at) ? undefined : at
}

/** The day of a moment. */
export function dayOf(at: number | undefined): string {
  if (at === undefined) return ''
  const day = new Date(at)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`
}
