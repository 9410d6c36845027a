import type { BotDigestSection, BotDigestShow, BotDigestSpan } from '@carillon/client'
import type { Key } from '../texts/language.tsx'

/** What a fact is called, and what it means. */
interface Told {
  name: Key
  what: Key
}

/** The facts that have words; of others the server's own are shown. */
export const FACTS: Readonly<Record<string, Told>> = {
  'chat.messages': { name: 'fact.messages', what: 'fact.messages.what' },
  'chat.active': { name: 'fact.active', what: 'fact.active.what' },
  'chat.read_1h': { name: 'fact.read_1h', what: 'fact.read_1h.what' },
  'chat.read_24h': { name: 'fact.read_24h', what: 'fact.read_24h.what' },
  'chat.waiting': { name: 'fact.waiting', what: 'fact.waiting.what' },
  'chat.unread': { name: 'fact.unread', what: 'fact.unread.what' },
  'chat.conversations': { name: 'fact.conversations', what: 'fact.conversations.what' },
  'ding.sent': { name: 'fact.dings', what: 'fact.dings.what' },
  'ding.confirmed': { name: 'fact.confirmed', what: 'fact.confirmed.what' },
  'ding.median_confirm_ms': { name: 'fact.median', what: 'fact.median.what' },
  'ding.sent_about': { name: 'fact.dings_here', what: 'fact.dings_here.what' },
  'ding.confirmed_about': { name: 'fact.confirmed_here', what: 'fact.confirmed_here.what' },
  'room.meetings': { name: 'fact.meetings', what: 'fact.meetings.what' },
  'room.minutes': { name: 'fact.minutes', what: 'fact.minutes.what' },
  'room.all_meetings': { name: 'fact.all_meetings', what: 'fact.all_meetings.what' },
  'room.all_minutes': { name: 'fact.all_minutes', what: 'fact.all_minutes.what' },
  'org.people': { name: 'fact.people', what: 'fact.people.what' },
}

/** Facts that are lists, whatever they are asked for. */
const LISTS: readonly string[] = ['chat.waiting', 'chat.unread']

export const SPANS: Readonly<Record<BotDigestSpan, Key>> = {
  yesterday: 'digest.yesterday',
  last_7_days: 'digest.last_7_days',
  last_week: 'digest.last_week',
  month: 'digest.month',
}

export const SHOWS: Readonly<Record<BotDigestShow, Key>> = {
  number: 'digest.number',
  chart: 'digest.chart',
  list: 'digest.list',
}

/** How a fact can be shown. */
export function showsOf(fact: string): readonly BotDigestShow[] {
  if (LISTS.includes(fact)) return ['list']
  return FACTS[fact] ? ['number', 'chart'] : ['number', 'chart', 'list']
}

/** A part that begins as the fact is usually shown. */
export function partOf(fact: string, period: BotDigestSpan = 'yesterday'): BotDigestSection {
  return { fact, period, show: showsOf(fact)[0] ?? 'number' }
}

/** The part that an error is about: `says.template.sections[3].fact` is the fourth, which is 3. */
export function placeOf(field: string | undefined): number | undefined {
  const place = /^says\.template\.sections\[(\d+)\]/.exec(field ?? '')?.[1]
  return place === undefined ? undefined : Number(place)
}
