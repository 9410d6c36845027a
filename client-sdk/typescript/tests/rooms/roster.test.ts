/** Who is in a room, as the events say it and as the server would. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Event, Room } from '../../src/protocol.ts'
import { EARLY_MAX, held, Roster } from '../../src/room/roster.ts'
import { id, YOU } from '../kit.ts'
import { House } from './house.ts'
import { Platform } from './peer.ts'

const SOURCES = ['microphone', 'camera', 'screen'] as const

/** What people do in a room; the numbers say who and what. */
const deed = fc.record({
  do: fc.constantFrom('join', 'leave', 'publish', 'hand', 'update', 'end'),
  who: fc.nat(9),
  what: fc.nat(9),
})
type Deed = typeof deed extends fc.Arbitrary<infer D> ? D : never

function perform(house: House, { do: what, who, what: how }: Deed): void {
  const own = house.room.participants[who]
  if (what === 'join') house.join(id(who))
  else if (what === 'update') house.title(`${how}`)
  else if (what === 'end') house.end()
  else if (!own) return
  else if (what === 'leave') house.leave(own.participant, 'left')
  else if (what === 'hand') house.put({ ...own, hand_at: how })
  else {
    const source = SOURCES[how % SOURCES.length] ?? 'camera'
    house.publish(own.participant, source, how > 6 ? undefined : { muted: how % 2 === 0 })
  }
}

/** A room in which this was done: the log, and what `room.get` answered after each event. */
function play(deeds: Deed[]): { log: Event[]; rooms: Room[] } {
  const house = new House(new Platform(async () => {}))
  const rooms = [house.room]
  for (const deed of deeds) {
    perform(house, deed)
    if (house.room !== rooms.at(-1)) rooms.push(house.room)
  }
  return { log: house.log, rooms }
}

const deeds = fc.array(deed, { minLength: 1, maxLength: 60 })

describe('the roster', () => {
  it('is what room.get answers, in whatever order events and answers come, once each is there', () => {
    const order = fc.array(fc.nat(1_000), { maxLength: 60 })
    fc.assert(
      fc.property(deeds, fc.nat(60), order, (deeds, begin, order) => {
        const { log, rooms } = play(deeds)
        const roster = new Roster()
        // Events before the first answer, after it, twice, and out of their turn.
        const turns = [...log, ...log].map((event, at) => ({ event, key: order[at] ?? at }))
        turns.sort((one, other) => one.key - other.key)
        turns.slice(0, begin).map(({ event }) => roster.take(event))
        const first = rooms[begin % rooms.length]
        if (first) roster.replace(first)
        turns.slice(begin).map(({ event }) => roster.take(event))
        const last = rooms.at(-1)
        expect(roster.gap).toBe(false)
        expect(roster.held).toEqual(last && held(last))
      }),
    )
  })

  it('knows that something is missing, and is right again by room.get', () => {
    fc.assert(
      fc.property(deeds, fc.nat(), (deeds, lost) => {
        const { log, rooms } = play(deeds)
        const [first] = rooms
        const last = rooms.at(-1)
        fc.pre(log.length > 1 && first !== undefined && last !== undefined)
        const missing = log[lost % (log.length - 1)]
        const roster = new Roster()
        if (first) roster.replace(first)
        for (const event of log) if (event !== missing) roster.take(event)
        expect(roster.gap).toBe(true)
        expect(roster.held?.seq).toBe((missing?.seq ?? 0) - 1)
        if (last) roster.replace(last)
        expect(roster.gap).toBe(false)
        expect(roster.held).toEqual(last && held(last))
      }),
    )
  })

  it('tells each coming and going once', () => {
    const house = new House(new Platform(async () => {}))
    const roster = new Roster()
    roster.replace(house.room)
    const amy = house.join(YOU)
    house.leave(amy, 'kicked')
    const participant = expect.objectContaining({ participant: amy })
    const told = [...house.log, ...house.log].flatMap(event => roster.take(event))
    expect(told).toEqual([
      { kind: 'joined', participant },
      { kind: 'left', participant, gone: 'kicked', stillThere: false },
    ])
  })

  it('keeps a bounded number of events that come too early, and room.get makes up for the rest', () => {
    const house = new House(new Platform(async () => {}))
    const roster = new Roster()
    roster.replace(house.room)
    for (let at = 0; at < EARLY_MAX + 50; at += 1) house.join(YOU)
    for (const event of house.log.slice(1)) roster.take(event)
    expect(roster.held?.seq).toBe(0)
    roster.replace(house.room)
    expect([roster.held?.participants.length, roster.gap]).toEqual([EARLY_MAX + 50, false])
  })

  it('begins anew when the server was set back to a backup', () => {
    const house = new House(new Platform(async () => {}))
    const roster = new Roster()
    house.join(YOU)
    const backup = house.room
    house.join(YOU)
    roster.replace(house.room)
    roster.replace(backup)
    expect(roster.held?.seq).toBe(2)
    roster.replace(backup, true)
    expect(roster.held?.seq).toBe(1)
  })
})
