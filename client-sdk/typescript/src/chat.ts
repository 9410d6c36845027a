/** Short forms for messages. */

import type { Event, EventOf } from './protocol.ts'

/** The text of a message; `undefined` if the event is something else. */
export function text(event: Event): string | undefined {
  if (!isMessage(event) || event.data.kind !== 'text') return undefined
  return typeof event.data.text === 'string' ? event.data.text : undefined
}

function isMessage(event: Event): event is EventOf<'msg.sent'> {
  return event.k === 'msg.sent' && typeof event.data === 'object' && event.data !== null
}
