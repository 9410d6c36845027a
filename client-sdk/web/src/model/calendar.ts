/** Times and days in words, in the person's language and time zone. */

/** Time zones differ by quarters of an hour: within one it is the same day everywhere. */
const QUARTER_MS = 15 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** So many quarters are remembered: three weeks; beyond, it begins anew. */
const QUARTERS_MAX = 2_000
/** Farther back a weekday alone would be doubtful. */
const WEEK = 7

export class Calendar {
  readonly #language: string
  readonly #parts: Intl.DateTimeFormat
  readonly #time: Intl.DateTimeFormat
  readonly #weekday: Intl.DateTimeFormat
  readonly #date: Intl.DateTimeFormat
  readonly #dateOfYear: Intl.DateTimeFormat
  readonly #longDate: Intl.DateTimeFormat
  readonly #full: Intl.DateTimeFormat
  readonly #relative: Intl.RelativeTimeFormat
  readonly #days = new Map<number, number>()

  constructor(language: string, tz: string) {
    // English dates are written as in Hong Kong: the day before the month.
    this.#language = language === 'en' ? 'en-HK' : language
    const timeZone = zone(tz)
    const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    const format = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat(this.#language, { timeZone, ...options })
    this.#parts = new Intl.DateTimeFormat('en-CA', { timeZone })
    this.#time = format(clock)
    this.#weekday = format({ weekday: 'short' })
    this.#date = format({ day: 'numeric', month: 'numeric' })
    this.#dateOfYear = format({ day: 'numeric', month: 'numeric', year: 'numeric' })
    this.#longDate = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
    this.#full = format({ dateStyle: 'full', timeStyle: 'short', hourCycle: 'h23' })
    this.#relative = new Intl.RelativeTimeFormat(this.#language, { numeric: 'auto' })
  }

  /** The number of the day that a time lies in. */
  readonly dayOf = (at: number): number => {
    const quarter = Math.floor(at / QUARTER_MS)
    const known = this.#days.get(quarter)
    if (known !== undefined) return known
    if (this.#days.size >= QUARTERS_MAX) this.#days.clear()
    const day = Math.round(Date.parse(this.#parts.format(at)) / DAY_MS)
    this.#days.set(quarter, day)
    return day
  }

  /** `14:05`. */
  time(at: number): string {
    return this.#time.format(at)
  }

  /** For a list: the time today, else the day. */
  short(at: number, now: number): string {
    const ago = this.dayOf(now) - this.dayOf(at)
    if (ago <= 0) return this.time(at)
    if (ago === 1) return this.#near(ago)
    if (ago < WEEK) return this.#weekday.format(at)
    return (ago < 300 ? this.#date : this.#dateOfYear).format(at)
  }

  /** For a line between two days. */
  day(at: number, now: number): string {
    const ago = this.dayOf(now) - this.dayOf(at)
    return ago === 0 || ago === 1 ? this.#near(ago) : this.#longDate.format(at)
  }

  /** For a list: the day, and the time on it. */
  moment(at: number, now: number): string {
    const time = this.time(at)
    return this.dayOf(at) === this.dayOf(now) ? time : `${this.short(at, now)} ${time}`
  }

  /** Day and time. */
  full(at: number): string {
    return this.#full.format(at)
  }

  /** Until when, in milliseconds from now, `short` and `day` say the same. */
  untilTomorrow(now: number): number {
    const today = this.dayOf(now)
    let quarter = (Math.floor(now / QUARTER_MS) + 1) * QUARTER_MS
    while (this.dayOf(quarter) === today) quarter += QUARTER_MS
    return quarter - now
  }

  #near(ago: number): string {
    const words = this.#relative.format(-ago, 'day')
    return words.charAt(0).toLocaleUpperCase(this.#language) + words.slice(1)
  }
}

/** A time zone that this browser does not know is its own. */
function zone(tz: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: tz }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}
