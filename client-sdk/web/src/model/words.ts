/** The parts of a message's text: what can be clicked, and who is mentioned. */

import type { UserId } from '@carillon/client'

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'mention'; readonly text: string; readonly user: UserId }

/** A person whom the message mentions, by the name that stands in the text. */
export interface Named {
  readonly user: UserId
  readonly name: string
}

/**
 * Up to a space, a quotation mark or bracket, Chinese punctuation, or what turns the direction of
 * writing: an address that looks like another one is none.
 */
const ADDRESS =
  /https?:\/\/[^\s<>"'`「」『』《》【】（），。；：！？、\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi
/** What ends a sentence rather than an address. */
const TRAILING = /[.,;:!?*_~]+$/

/** Takes a text apart; joined together the parts are the text again. */
export function partsOf(text: string, mentioned: readonly Named[]): Part[] {
  const parts: Part[] = []
  let done = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0])
    const href = safe(address)
    if (!href) continue
    addMentions(parts, text.slice(done, match.index), mentioned)
    parts.push({ kind: 'link', text: address, href })
    done = match.index + address.length
  }
  addMentions(parts, text.slice(done), mentioned)
  return parts
}

/** Without the end of the sentence, and without a bracket that was opened before the address. */
function trimmed(address: string): string {
  let text = address.replace(TRAILING, '')
  while (/[)\]]$/.test(text) && count(text, /[)\]]/g) > count(text, /[([]/g)) {
    text = text.slice(0, -1).replace(TRAILING, '')
  }
  return text
}

function count(text: string, what: RegExp): number {
  return text.match(what)?.length ?? 0
}

/** The address to go to; none if it pretends to be another one by a name before an `@`. */
function safe(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.username === '' && url.password === '' ? url.href : undefined
}

function addMentions(parts: Part[], text: string, mentioned: readonly Named[]): void {
  let rest = text
  while (rest !== '') {
    const next = firstMention(rest, mentioned)
    if (!next) break
    if (next.at > 0) parts.push({ kind: 'text', text: rest.slice(0, next.at) })
    const end = next.at + next.label.length
    parts.push({ kind: 'mention', text: next.label, user: next.user })
    rest = rest.slice(end)
  }
  if (rest !== '') parts.push({ kind: 'text', text: rest })
}

/** The first one; of two names that begin alike the longer one. */
function firstMention(text: string, mentioned: readonly Named[]) {
  let first: { at: number; label: string; user: UserId } | undefined
  for (const { user, name } of mentioned) {
    const label = `@${name}`
    const at = name === '' ? -1 : text.indexOf(label)
    if (at < 0) continue
    const longer = first && at === first.at && label.length > first.label.length
    if (!first || at < first.at || longer) first = { at, label, user }
  }
  return first
}
