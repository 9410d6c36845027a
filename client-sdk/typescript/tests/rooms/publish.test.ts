/** The connection by which somebody sends: one offer at a time, whatever is asked of it when. */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Publisher } from '../../src/room/publish.ts'
import type { Ask } from '../../src/room/rtc.ts'
import { id } from '../kit.ts'
import { House } from './house.ts'
import { track } from './peer.ts'
import { ownTime, Table } from './table.ts'

ownTime()

const deed = fc.record({
  do: fc.constantFrom('offer', 'restart', 'carry', 'drop', 'wanted'),
  after: fc.nat(60),
  what: fc.nat(3),
})

it('never has two offers open, and carries in the end what was said last', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(deed, { maxLength: 20 }), async (seed, deeds) => {
      const table = new Table(seed)
      const { platform } = table
      const house = new House(platform)
      const ask = house.client.call as Ask
      const { participant } = await table.done(ask('room.join', { room: id(900) }))
      const changed = () => {}
      const setup = { rtc: platform.rtc, iceServers: [], participant, ask, changed }
      const publisher = new Publisher(setup)
      const done = [publisher.offer()]
      let last: MediaStreamTrack | null = null
      for (const { do: kind, after, what } of deeds) {
        if (kind === 'carry' || kind === 'drop') {
          last = kind === 'drop' ? null : track('video', `${done.length}`)
          done.push(publisher.carry('camera', last))
        } else if (kind === 'wanted') publisher.wanted('camera', what)
        else done.push(publisher.offer(kind === 'restart'))
        await table.pass(after)
      }
      await table.done(Promise.all(done))
      expect(house.faults).toEqual([])
      const [peer] = platform.open
      expect(peer?.signalingState).toBe('stable')
      expect(peer?.getTransceivers()[1]?.sender.track).toBe(last)
      publisher.close()
    }),
  )
})

it('that is closed while it connects asks nothing more', async () => {
  for (let ms = 0; ms < 200; ms += 10) {
    const table = new Table(ms)
    const house = new House(table.platform)
    const ask = house.client.call as Ask
    const { participant } = await table.done(ask('room.join', { room: id(900) }))
    const asked = house.asked.length
    const setup = { rtc: table.platform.rtc, iceServers: [], participant, ask, changed: () => {} }
    const publisher = new Publisher(setup)
    const offered = publisher.offer().catch(() => 'the connection is closed')
    await table.pass(ms)
    publisher.close()
    const before = house.asked.length
    await table.done(offered)
    expect(house.asked.length - asked).toBeLessThanOrEqual(1)
    // What had set out still arrives.
    expect(house.asked.length - before).toBeLessThanOrEqual(1)
  }
})
