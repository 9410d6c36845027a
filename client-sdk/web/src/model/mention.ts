/** Choosing whom a message mentions while it is written. */

import { LIMITS, type UserId } from '@carillon/client'

/** Somebody who can be mentioned. */
export interface Mentionable {
  readonly user: UserId
  readonly name: string
  readonly login: string
}

/** Somebody whom the message mentions, with the name as it was written. */
export interface Pick {
  readonly user: UserId
  readonly name: string
}

/** What is being written after an `@`. */
export interface Asking {
  /** Where the `@` stands. */
  readonly at: number
  readonly query: string
}

/** A name is found by fewer letters than this. */
const QUERY_MAX = 40
/** More would not be read. */
const OFFERED_MAX = 8

/** Whether the cursor stands in a mention; an address such as `me@shop.hk` has none. */
export function askingAt(text: string, cursor: number): Asking | undefined {
  const before = text.slice(Math.max(0, cursor - QUERY_MAX - 1), cursor)
  const found = /(?:^|[^\w.@])@([^@\n]*)$/.exec(before) ?? undefined
  const query = found?.[1]
  if (query === undefined || /^\s|\s\s/.test(query)) return undefined
  return { at: cursor - query.length - 1, query }
}

/** Who fits, best first: by the name, a part of it, or the sign-in name. */
export function offered<P extends Mentionable>(people: readonly P[], query: string): P[] {
  const asked = query.toLowerCase()
  const ranked = people.map(person => ({ person, rank: rank(person, asked) }))
  const fitting = ranked.filter(({ rank }) => rank < NOT)
  fitting.sort((a, b) => a.rank - b.rank || (a.person.name < b.person.name ? -1 : 1))
  return fitting.slice(0, OFFERED_MAX).map(({ person }) => person)
}

const NOT = 4

function rank({ name, login }: Mentionable, asked: string): number {
  const lower = name.toLowerCase()
  if (lower.startsWith(asked)) return 0
  if (lower.split(/\s+/).some(word => word.startsWith(asked))) return 1
  if (login.startsWith(asked)) return 2
  return lower.includes(asked) ? 3 : NOT
}

/** The text with the name in it, and where the cursor stands then. */
export function completed(text: string, asking: Asking, cursor: number, name: string) {
  const head = `${text.slice(0, asking.at)}@${name} `
  return { text: head + text.slice(cursor).replace(/^ /, ''), cursor: head.length }
}

/** Stands for everybody among those who were picked. */
export const EVERYBODY: UserId = 'everybody'

/** What everybody is called as well, in whatever language the app speaks. */
const ALL = ['everyone', 'all']

/** Whether these letters may mean everybody, by the word of the app or by another. */
export function meansEverybody(word: string, query: string): boolean {
  const asked = query.toLowerCase()
  return [word.toLowerCase(), ...ALL].some(name => name.startsWith(asked))
}

/** Whether everybody was picked and still stands in the text. */
export function callsEverybody(text: string, picks: readonly Pick[]): boolean {
  return picks.some(({ user, name }) => user === EVERYBODY && text.includes(`@${name}`))
}

/** Whom the finished text mentions: those who were picked and still stand in it. */
export function mentionsIn(text: string, picks: readonly Pick[]): UserId[] {
  const people = picks.filter(({ user }) => user !== EVERYBODY)
  const there = people.filter(({ name }) => text.includes(`@${name}`))
  return [...new Set(there.map(({ user }) => user))].slice(0, LIMITS.MENTIONS_MAX)
}
