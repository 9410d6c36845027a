import type { Args, UserId } from '@carillon/client'
import type { Calendar } from '../model/calendar.ts'
import { KINDS } from './sentences.ts'

/** Which rows; it stands in the address of the page, to come back to. */
export interface Filter {
  who: UserId | undefined
  /** How the names of the operations begin. */
  kind: string | undefined
  /** The first day and the last, as `2026-11-22`. */
  from: string | undefined
  to: string | undefined
}

export const NAMES = ['who', 'kind', 'from', 'to'] as const

/** What an address asks for, as far as it makes sense. */
export function filterIn(address: URLSearchParams): Filter {
  const [who, kind, from, to] = NAMES.map(name => address.get(name) ?? undefined)
  const id = who !== undefined && /^[0-9A-HJKMNP-TV-Z]{26}$/.test(who)
  return {
    who: id ? who : undefined,
    kind: kind !== undefined && Object.hasOwn(KINDS, kind) ? kind : undefined,
    from: dayIn(from),
    to: dayIn(to),
  }
}

function dayIn(text: string | undefined): string | undefined {
  const isDay = text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text)
  return isDay && !Number.isNaN(Date.parse(text)) ? text : undefined
}

/** The same in the words of the operation; days begin and end where the person is. */
export function argsOf(filter: Filter, calendar: Calendar): Args<'audit.list'> {
  const { who, kind, from, to } = filter
  return {
    ...(who === undefined ? {} : { actor: who }),
    ...(kind === undefined ? {} : { op: kind }),
    ...(from === undefined ? {} : { since: startOf(from, calendar) }),
    ...(to === undefined ? {} : { until: startOf(to, calendar, 1) }),
  }
}

const DAY_MS = 24 * 60 * 60_000
/** Time zones, and their clocks when they change, differ by quarters of an hour. */
const QUARTER_MS = 15 * 60_000
/** Nowhere does a day begin earlier before it begins in London. */
const EARLIEST_MS = 14 * 60 * 60_000

/** When a day begins in the calendar's time zone, or one so many days after it. */
export function startOf(day: string, calendar: Calendar, later = 0): number {
  const wanted = Date.parse(day) / DAY_MS + later
  let at = wanted * DAY_MS - EARLIEST_MS
  while (calendar.dayOf(at) < wanted) at += QUARTER_MS
  return at
}
