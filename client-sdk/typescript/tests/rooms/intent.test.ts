/** Whose word holds of what somebody sends: theirs, a moderator's, in whatever order they arrive. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RoomParticipant, RoomPublication } from '../../src/protocol.ts'
import { type How, Intents, publication } from '../../src/room/intent.ts'
import { id, ME } from '../kit.ts'

function self(microphone: How): RoomParticipant {
  const own = publication(microphone)
  const publications: Record<string, RoomPublication> = own ? { microphone: own } : {}
  return { participant: id(1), user: ME, role: 'member', joined_at: 0, publications }
}

/** The server, its events that the client has not heard, and the call that is on its way. */
class Exchange {
  readonly intents = new Intents()
  server: How = 'off'
  readonly unheard: How[] = []
  #call: { how: How; done: boolean } | undefined
  /** Whether a moderator's word was the last. */
  moderated = false
  readonly muted: string[] = []

  say(how: How): void {
    this.intents.set('microphone', how)
    this.moderated = false
  }

  /** A call sets out, arrives, and its answer comes: one step each time. */
  step(): boolean {
    if (!this.#call) {
      const how = this.intents.next('microphone')
      if (how === undefined) return false
      this.#call = { how, done: false }
    } else if (!this.#call.done) {
      this.#set(this.#call.how)
      this.#call.done = true
    } else {
      this.intents.answered('microphone', 'done')
      this.#call = undefined
    }
    return true
  }

  #set(how: How): void {
    if (this.server !== how) this.unheard.push(how)
    this.server = how
  }

  mute(): void {
    if (this.server !== 'on') return
    this.#set('muted')
    this.moderated = true
  }

  hear(): boolean {
    const how = this.unheard.shift()
    if (how === undefined) return false
    this.muted.push(...this.intents.told(self(how)))
    return true
  }

  /** The connection was lost: what the roster says comes at once, what is on its way is unknown. */
  comeBack(): void {
    if (this.#call) this.intents.answered('microphone', 'unknown')
    this.#call = undefined
    this.unheard.length = 0
    this.muted.push(...this.intents.cameBack(self(this.server)))
  }
}

const deed = fc.constantFrom('on', 'muted', 'off', 'step', 'step', 'hear', 'hear', 'mute', 'back')

describe('what somebody means to send', () => {
  it('is what the server has in the end, whoever spoke when', () => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 40 }), deeds => {
        const exchange = new Exchange()
        for (const deed of deeds) {
          if (deed === 'step') exchange.step()
          else if (deed === 'hear') exchange.hear()
          else if (deed === 'mute') exchange.mute()
          else if (deed === 'back') exchange.comeBack()
          else exchange.say(deed)
        }
        while (exchange.step() || exchange.hear()) {}
        expect(exchange.server).toBe(exchange.intents.of('microphone'))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is muted by a moderator, also while one is away, and nothing undoes that by itself', () => {
    for (const away of [false, true]) {
      const exchange = new Exchange()
      exchange.say('on')
      while (exchange.step() || exchange.hear()) {}
      exchange.mute()
      if (away) exchange.comeBack()
      while (exchange.step() || exchange.hear()) {}
      expect([exchange.server, exchange.intents.of('microphone')]).toEqual(['muted', 'muted'])
      expect(exchange.muted).toEqual(['microphone'])
    }
  })

  it('is told again after a connection on which it may have been lost', () => {
    const exchange = new Exchange()
    exchange.say('on')
    while (exchange.step() || exchange.hear()) {}
    exchange.say('muted')
    exchange.step()
    exchange.comeBack()
    while (exchange.step() || exchange.hear()) {}
    expect([exchange.server, exchange.muted]).toEqual(['muted', []])
  })

  it('does not flicker when one mutes and unmutes faster than the room tells', () => {
    const exchange = new Exchange()
    exchange.say('on')
    while (exchange.step() || exchange.hear()) {}
    exchange.say('muted')
    while (exchange.step()) {}
    exchange.say('on')
    while (exchange.step()) {}
    const heard: How[] = []
    while (exchange.hear()) heard.push(exchange.intents.of('microphone'))
    expect(heard).toEqual(['on', 'on'])
    expect(exchange.muted).toEqual([])
  })

  it('is what it was when the server refuses', () => {
    const intents = new Intents()
    intents.set('camera', 'on')
    expect(intents.next('camera')).toBe('on')
    intents.answered('camera', 'refused')
    expect([intents.of('camera'), intents.next('camera')]).toEqual(['off', undefined])
  })

  it('is not what is left of a page that was closed', () => {
    const intents = new Intents()
    intents.found(self('on'))
    expect([intents.of('microphone'), intents.next('microphone')]).toEqual(['off', 'off'])
  })

  it('is told in whole at another place in the room', () => {
    const exchange = new Exchange()
    exchange.say('muted')
    while (exchange.step() || exchange.hear()) {}
    exchange.intents.anew()
    exchange.intents.cameBack(self('off'))
    expect(exchange.intents.next('microphone')).toBe('muted')
  })
})
