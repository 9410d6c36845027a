/** Short forms for messages. */

import type { CardButton, Event, EventOf, MsgBody } from './protocol.ts'

/**
 * What a message says; `undefined` if the event is something else, or of a kind that only a newer
 * version can show: say that there is something.
 */
export function body(event: Event): MsgBody | undefined {
  if (!isMessage(event)) return undefined
  const { kind, text, card } = event.data as { kind?: unknown; text?: unknown; card?: unknown }
  const isText = (kind === 'text' || kind === 'markdown') && typeof text === 'string'
  const isCard = kind === 'card' && typeof card === 'object' && card !== null
  return isText || isCard ? event.data : undefined
}

/**
 * What a message says in words: its text, the source of its Markdown, or the title and the text of
 * its card; `undefined` as of `body`.
 */
export function text(event: Event): string | undefined {
  const said = body(event)
  if (said?.kind !== 'card') return said?.text
  const words = [said.card.title, said.card.text]
  return words.filter(words => words !== undefined).join('\n')
}

/** A button that tells the card's owner `act`. */
export function button(label: string, act: string, more: Partial<CardButton> = {}): CardButton {
  return { label, act, ...more }
}

/** A button that leads somewhere. */
export function link(label: string, url: string, more: Partial<CardButton> = {}): CardButton {
  return { label, url, ...more }
}

function isMessage(event: Event): event is EventOf<'msg.sent'> {
  return event.k === 'msg.sent' && typeof event.data === 'object' && event.data !== null
}
