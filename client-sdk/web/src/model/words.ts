/** The parts of a message's text: what can be clicked, and who is mentioned. */

import type { UserId } from '@carillon/client'
import { webAddress } from './address.ts'

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
const ENDS_SENTENCE = '.,;:!?*_~'
/** What opens brackets, and what closes them. */
const BRACKETS = { open: '([', close: ')]' }

/** Takes a text apart; joined together the parts are the text again. */
export function partsOf(text: string, mentioned: readonly Named[]): Part[] {
  const parts: Part[] = []
  let done = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0])
    const href = webAddress(address)
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
  let spare = count(address, BRACKETS.close) - count(address, BRACKETS.open)
  let end = address.length
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1)
    if (ENDS_SENTENCE.includes(last)) continue
    if (!BRACKETS.close.includes(last) || spare <= 0) break
    spare -= 1
  }
  return address.slice(0, end)
}

function count(text: string, characters: string): number {
  let found = 0
  for (const character of text) if (characters.includes(character)) found += 1
  return found
}

/** Looks only where there is an `@`: whoever writes a text must not keep its readers waiting. */
function addMentions(parts: Part[], text: string, mentioned: readonly Named[]): void {
  let done = 0
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', Math.max(done, at + 1))) {
    const named = nameAt(text, at + 1, mentioned)
    if (!named) continue
    if (at > done) parts.push({ kind: 'text', text: text.slice(done, at) })
    done = at + 1 + named.name.length
    parts.push({ kind: 'mention', text: text.slice(at, done), user: named.user })
  }
  if (done < text.length) parts.push({ kind: 'text', text: text.slice(done) })
}

/** Whose name stands there; of two names that begin alike the longer one. */
function nameAt(text: string, at: number, mentioned: readonly Named[]): Named | undefined {
  let longest: Named | undefined
  for (const named of mentioned) {
    if (named.name.length <= (longest?.name.length ?? 0)) continue
    if (text.startsWith(named.name, at)) longest = named
  }
  return longest
}
