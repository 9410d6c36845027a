/** Coming back, whatever was lost, and whatever happens at the same time. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RoomPublication, RoomSource } from '../../src/protocol.ts'
import { held } from '../../src/room/roster.ts'
import { ME, YOU } from '../kit.ts'
import type { FakePeer } from './peer.ts'
import { track } from './peer.ts'
import { ownTime, Table } from './table.ts'

ownTime()

/** One who talks, shows their face muted, and looks at somebody. */
async function busy(table: Table) {
  const meeting = await table.connected()
  const other = table.house.join(YOU)
  table.house.publish(other, 'camera', { muted: false })
  const voice = track('audio')
  await table.done(meeting.publish('microphone', voice))
  await table.done(meeting.publish('camera', track('video'), { muted: true }))
  meeting.setViews([{ participant: other, source: 'camera', width: 320, height: 180 }])
  await table.pass(500)
  return { meeting, other, voice, me: meeting.me }
}

/** That somebody is back as they were. */
function expectBack(table: Table, { meeting, other, voice, me }: Awaited<ReturnType<typeof busy>>) {
  expect(meeting.state).toEqual({ state: 'connected' })
  expect(meeting.me).toBe(me)
  const publications = { microphone: { muted: false }, camera: { muted: true } }
  expect(table.house.find(me)?.publications).toEqual(publications)
  expect(table.publish.getTransceivers()[0]?.sender.track).toBe(voice)
  expect(meeting.trackOf(other, 'camera')).toBeDefined()
  expect(table.platform.open).toHaveLength(2)
  expect(table.house.faults).toEqual([])
}

describe('coming in over a bad line', () => {
  it('leaves nobody behind where the answer was lost, and no other device is put out', async () => {
    const table = new Table()
    const { house } = table
    house.losesJoin = true
    const phone = house.join(ME)
    house.publish(phone, 'microphone', { muted: false })
    const other = house.join(YOU)
    const meeting = await table.connected()
    expect(table.count('room.join')).toBe(2)
    const places = house.room.participants.map(({ participant }) => participant)
    expect(places).toEqual([phone, other, meeting.me])
    expect(meeting.participants.map(({ participant }) => participant)).toEqual(places)
    expect(meeting.state).toEqual({ state: 'connected' })
  })
})

describe('coming back', () => {
  it('is not needed while only the socket is away', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.online(false)
    await table.pass(30_000)
    table.house.online(true)
    await table.pass(1_000)
    expectBack(table, all)
    expect(table.platform.peers).toHaveLength(2)
    expect(table.updates.filter(({ kind }) => kind === 'state')).toHaveLength(1)
  })

  it('has the client look for the server each one or two seconds, until one leaves', async () => {
    const table = new Table()
    const { meeting } = await busy(table)
    table.house.online(false)
    await table.pass(20_000)
    expect(table.house.hurried).toBeGreaterThanOrEqual(9)
    expect(table.house.hurried).toBeLessThanOrEqual(20)
    await table.done(meeting.leave())
    const before = table.house.hurried
    await table.pass(20_000)
    expect(table.house.hurried).toBe(before)
  })

  it('to a server that was started anew takes less than a second once there is a socket', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.online(false)
    table.house.restart()
    await table.pass(3_000)
    table.house.online(true)
    await table.pass(1_000)
    expectBack(table, all)
    expect(table.platform.peers).toHaveLength(4)
  })

  it.each([0, 1])('of connection %i that falters is a restart of that one', async which => {
    const table = new Table()
    const all = await busy(table)
    const peer = table.platform.open[which] as FakePeer
    const offers = table.count('room.offer')
    table.network = false
    peer.becomes('disconnected')
    await table.pass(1_900)
    expect(all.meeting.state).toEqual({ state: 'connected' })
    await table.pass(400)
    expect(all.meeting.state).toEqual({ state: 'reconnecting' })
    table.network = true
    await table.pass(500)
    expectBack(table, all)
    expect(table.count('room.offer') - offers).toBe(which === 0 ? 1 : 0)
    expect(table.platform.peers).toHaveLength(2)
  })

  it('by new connections follows where a restart does not help', async () => {
    const table = new Table()
    const all = await busy(table)
    table.network = false
    for (const peer of table.platform.open) peer.becomes('failed')
    await table.pass(2_900)
    expect(table.platform.peers).toHaveLength(2)
    await table.pass(600)
    table.network = true
    await table.pass(500)
    expectBack(table, all)
    expect(table.platform.peers).toHaveLength(4)
  })

  it('keeps a moderator’s mute, and says what was muted meanwhile', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.online(false)
    table.house.restart()
    table.house.publish(all.me, 'microphone', { muted: true })
    const unpublished = all.meeting.unpublish('camera')
    table.house.online(true)
    await table.done(unpublished)
    await table.pass(1_000)
    expect(table.house.find(all.me)?.publications).toEqual({ microphone: { muted: true } })
    expect(all.meeting.sending.get('microphone')?.muted).toBe(true)
    expect(table.publish.getTransceivers()[0]?.sender.track).toBe(null)
  })

  it('after the place was given up is to a new one, with the same tracks', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.online(false)
    table.house.leave(all.me, 'lost')
    await table.pass(150_000)
    table.house.online(true)
    await table.pass(1_000)
    expect(all.meeting.me).not.toBe(all.me)
    expectBack(table, { ...all, me: all.meeting.me })
  })

  it('ends where the server says so', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.refusals.set('room.join', 'E_FORBIDDEN')
    table.house.restart()
    all.meeting.setViews([])
    await table.pass(1_000)
    expect(all.meeting.state).toMatchObject({
      state: 'left',
      reason: 'refused',
      error: { code: 'E_FORBIDDEN' },
    })
    expect(table.platform.open).toEqual([])
  })

  it('is tried on while the server has no time, for as long as it lasts', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.refusals.set('room.join', 'E_UNAVAILABLE')
    table.house.restart()
    all.meeting.setViews([])
    await table.pass(60_000)
    expect(all.meeting.state).toEqual({ state: 'reconnecting' })
    expect(table.count('room.join')).toBeLessThan(60)
    all.meeting.setViews([{ participant: all.other, source: 'camera', width: 320, height: 180 }])
    table.house.refusals.clear()
    await table.pass(10_000)
    expectBack(table, all)
  })

  it('leaves nobody behind when one leaves meanwhile, whatever the server does first', async () => {
    for (let ms = 0; ms <= 120; ms += 10) {
      const table = new Table(ms)
      const all = await busy(table)
      table.house.leave(all.me, 'lost')
      await table.pass(ms)
      await table.done(all.meeting.leave())
      await table.pass(1_000)
      expect(table.house.room.participants.filter(({ user }) => user === ME)).toEqual([])
      expect(table.platform.open).toEqual([])
    }
  })

  it('to another server that carries the room is at once, and once', async () => {
    const table = new Table()
    const all = await busy(table)
    const before = table.count('room.join')
    table.network = false
    table.house.move()
    await table.pass(500)
    table.network = true
    await table.pass(500)
    expectBack(table, all)
    await table.pass(20_000)
    expect(table.count('room.join') - before).toBe(1)
  })

  it('to a room that is over ends there', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.refusals.set('room.join', 'E_CONFLICT')
    table.house.restart()
    all.meeting.setViews([])
    await table.pass(1_000)
    expect(all.meeting.state).toEqual({ state: 'left', reason: 'ended' })
  })

  it('is tried again and again, and not in a storm', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.refusals.set('room.subscribe', 'E_NOT_FOUND')
    lookAtAll(table, 0)
    const before = table.count('room.join')
    await table.pass(60_000)
    const joins = table.count('room.join') - before
    expect(joins).toBeGreaterThan(5)
    expect(joins).toBeLessThan(60)
    table.house.refusals.clear()
    await table.pass(20_000)
    expect(all.meeting.state).toEqual({ state: 'connected' })
  })

  /** The counters of a connection by which the server answers, with so much sound a look. */
  function counted(peer: FakePeer, answers: number, sound: number): () => void {
    let looks = 0
    return () => {
      looks += 1
      const pair = { id: 'pair', type: 'candidate-pair', nominated: true, state: 'succeeded' }
      const voice = { id: 'in', type: 'inbound-rtp', kind: 'audio', mid: '0' }
      peer.counters = [
        { ...pair, responsesReceived: 1 + answers * looks },
        { ...voice, bytesReceived: sound * looks },
      ]
    }
  }

  async function look(table: Table, count: () => void, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      count()
      await table.pass(1_000)
    }
  }

  function restarts({ house }: Table): number {
    return house.asked.filter(asked => asked.op === 'room.subscribe' && asked.args.restart).length
  }

  it('of a connection that says it is well and brings nothing is a restart, then a new one', async () => {
    const table = new Table()
    const all = await busy(table)
    const [, peer] = table.platform.open
    await look(table, counted(peer as FakePeer, 0, 0), 10_000)
    expect(restarts(table)).toBe(1)
    await table.pass(10_000)
    expectBack(table, all)
    expect(table.platform.peers).toHaveLength(4)
  })

  it('of a connection without the sound of who speaks is a restart, and no more than that', async () => {
    const table = new Table()
    const all = await busy(table)
    table.house.publish(all.other, 'microphone', { muted: false })
    table.house.ephemeral('room.speaking', { speaking: [all.other] })
    const [, peer] = table.platform.open
    await look(table, counted(peer as FakePeer, 1, 50), 20_000)
    expect(restarts(table)).toBe(0)
    await look(table, counted(peer as FakePeer, 1, 0), 50_000)
    expect(restarts(table)).toBe(1)
    expectBack(table, all)
    expect(table.platform.peers).toHaveLength(2)
  })
})

const SOURCES = ['microphone', 'camera', 'screen', 'screen_audio'] as const

/** Whatever can happen in a meeting; the numbers say to what. */
const deed = fc.record({
  do: fc.constantFrom(
    ...(['publish', 'mute', 'unmute', 'unpublish', 'look', 'moderate'] as const),
    ...([
      'come',
      'go',
      'show',
      'cut',
      'restart',
      'move',
      'falter',
      'fail',
      'lose',
      'wait',
    ] as const),
  ),
  what: fc.nat(11),
})
type Deed = typeof deed extends fc.Arbitrary<infer D> ? D : never

async function perform(table: Table, { do: kind, what }: Deed): Promise<void> {
  const { house, meeting } = table
  const source: RoomSource = SOURCES[what % SOURCES.length] ?? 'camera'
  const medium = source === 'microphone' || source === 'screen_audio' ? 'audio' : 'video'
  const others = house.room.participants.filter(({ user }) => user !== ME)
  const other = others[what % Math.max(1, others.length)]?.participant
  const peer = table.platform.open[what % 2]
  // What is refused is another test's matter.
  const own = (promise: Promise<void>) => void promise.catch(() => {})
  if (kind === 'publish') own(meeting.publish(source, track(medium), { muted: what > 8 }))
  if (kind === 'mute') own(meeting.mute(source))
  if (kind === 'unmute') own(meeting.unmute(source))
  if (kind === 'unpublish') own(meeting.unpublish(source))
  if (kind === 'moderate' && house.find(meeting.me)?.publications?.[source]?.muted === false) {
    house.publish(meeting.me, source, { muted: true })
  }
  if (kind === 'come') house.publish(house.join(YOU), 'camera', { muted: false })
  if (kind === 'go' && other) house.leave(other, 'left')
  if (kind === 'show' && other) house.publish(other, 'camera', what % 2 ? undefined : {})
  if (kind === 'look') lookAtAll(table, what)
  if (kind === 'cut') house.online(what % 2 === 0)
  if (kind === 'restart') house.restart()
  if (kind === 'move') house.move()
  if (kind === 'falter') peer?.becomes('disconnected')
  if (kind === 'fail') peer?.becomes('failed')
  if (kind === 'lose' && what === 0) house.leave(meeting.me, 'lost')
  await table.pass(kind === 'wait' ? what * 300 : what * 10)
}

/** Looks at everybody but so many. */
function lookAtAll({ house, meeting }: Table, but: number): void {
  const others = house.room.participants.filter(({ user }) => user !== ME).slice(but % 3)
  const size = { source: 'camera', width: 640, height: 360 } as const
  meeting.setViews(others.map(({ participant }) => ({ participant, ...size })))
}

/** What the room is to say of what is sent. */
function meant({ meeting }: Table): Record<string, RoomPublication> {
  const all = [...meeting.sending].map(([source, { muted }]) => [source, { muted }] as const)
  return Object.fromEntries(all)
}

describe('a meeting in which everything happens at once', () => {
  it('is whole and as everybody means it, when it is quiet again', async () => {
    const deeds = fc.array(deed, { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.integer(), deeds, async (seed, deeds) => {
        const table = new Table(seed)
        await table.join()
        for (const deed of deeds) await perform(table, deed)
        table.house.online(true)
        await table.pass(30_000)
        lookAtAll(table, 0)
        await table.pass(20_000)
        const { house, meeting } = table
        expect(house.faults).toEqual([])
        expect(meeting.state).toEqual({ state: 'connected' })
        expect(table.platform.open).toHaveLength(2)
        const { head, participants } = held(house.room)
        expect([meeting.room, meeting.participants]).toEqual([head, participants])
        expect(house.find(meeting.me)?.publications ?? {}).toEqual(meant(table))
        const faces = meeting.participants.filter(({ publications }) => publications?.camera)
        const shown = house.slots(meeting.me).map(({ participant }) => participant)
        for (const { participant, user } of faces) {
          if (user === ME) continue
          expect(shown).toContain(participant)
          expect(meeting.trackOf(participant, 'camera')).toBeDefined()
        }
        const tracks = table.publish.getTransceivers().map(({ sender }) => sender.track)
        const carried = SOURCES.map(source => {
          const sending = meeting.sending.get(source)
          return sending && !sending.muted ? sending.track : null
        })
        expect(tracks).toEqual(carried)
        await table.done(meeting.leave())
      }),
      { numRuns: 60 },
    )
  })
})
