/** A program that is told events until it has dealt with them. */

import { describe, expect, it } from 'vitest'
import type { Event } from '../src/protocol.ts'
import { Channel, event, Table, TOPIC, welcome } from './kit.ts'

const table = Table.lay()

describe('a listener', () => {
  it('deals with one event after the other, and says so', async () => {
    const events = new Channel<Event>()
    const done = new Channel<void>()
    const hear = (heard: Event) => {
      events.give(heard)
      return done.take()
    }
    await table.open({ listens: { kinds: ['msg.sent'], hear } })
    const peer = await table.server.accept()
    expect((await peer.hello()).listens).toEqual(['msg.sent'])
    peer.send({ t: 'welcome', ...welcome() })
    peer.send({ t: 'heard', ...event(1) })
    peer.send({ t: 'heard', ...event(2) })
    expect(await events.take()).toEqual(event(1))
    done.give()
    expect(await peer.frame()).toEqual({ t: 'ack', topic: TOPIC, seq: 1 })
    expect(await events.take()).toEqual(event(2))
    done.give()
    expect(await peer.frame()).toEqual({ t: 'ack', topic: TOPIC, seq: 2 })
  })

  it('that fails is told again on the next connection', async () => {
    let fails = true
    const hear = () => {
      if (fails) throw new Error('not now')
    }
    await table.open({ listens: { kinds: ['msg.sent'], hear } })
    const first = await table.server.accept()
    await first.greet()
    first.send({ t: 'heard', ...event(1) })
    first.send({ t: 'heard', ...event(2) })
    await first.gone()
    fails = false
    const second = await table.server.accept()
    await second.greet()
    second.send({ t: 'heard', ...event(1) })
    expect(await second.frame()).toEqual({ t: 'ack', topic: TOPIC, seq: 1 })
  })
})
