/** What a program is told until it has dealt with it. */

import { reasonOf } from './error.ts'
import { encode } from './frame.ts'
import type { Event } from './protocol.ts'

/** A program that is to deal with every event of some kinds, however often it goes away. */
export interface Listener {
  /** The kinds of events, as `msg.sent`; the same on all connections of the program. */
  kinds: readonly string[]
  /**
   * Deals with an event; the next one comes when it has. An event may come more than once. When it
   * throws, the client connects anew after a while and is told the event again.
   */
  hear: (event: Event) => unknown
}

/** What a connection makes of the end of a listener's work. */
export interface Hearer {
  send(frame: string): void
  failed(reason: string): void
}

/** Gives a listener one event after the other, as long as the connection is there. */
export class Heard {
  readonly #listener: Listener
  #last: Promise<unknown> = Promise.resolve()
  /** How many connections are gone: what they told is told again. */
  #lost = 0

  constructor(listener: Listener) {
    this.#listener = listener
  }

  /** The server tells an event. */
  told(event: Event, hearer: Hearer): void {
    const lost = this.#lost
    this.#last = this.#last.then(async () => {
      if (lost !== this.#lost) return
      try {
        await this.#listener.hear(event)
        const { topic, seq } = event
        if (lost === this.#lost) hearer.send(encode({ t: 'ack', topic, seq }))
      } catch (thrown) {
        if (lost === this.#lost) hearer.failed(reasonOf(thrown))
      }
    })
  }

  /** The connection is gone. */
  offline(): void {
    this.#lost += 1
  }
}
