/** A meeting from the door to the end: what is sent, seen and told. */

import { describe, expect, it } from 'vitest'
import type { RoomSource, RoomView } from '../../src/protocol.ts'
import { id, YOU } from '../kit.ts'
import { ROOM } from './house.ts'
import { track } from './peer.ts'
import { ownTime, Table } from './table.ts'

ownTime()

function view(participant: string, source: RoomSource = 'camera', width = 320): RoomView {
  return { participant, source, width, height: Math.round((width * 9) / 16) }
}

/** Somebody in the room who shows their face. */
function face(table: Table): string {
  const participant = table.house.join(YOU)
  table.house.publish(participant, 'camera', { muted: false })
  return participant
}

function sendersOf(table: Table) {
  return table.publish.getTransceivers().map(({ sender }) => sender.track)
}

function layers(table: Table, at: number): boolean[] {
  const { encodings } = table.publish.getTransceivers()[at] ?? { encodings: [] }
  return encodings.map(({ active }) => active)
}

describe('entering a room', () => {
  it('makes one connection to send, with everything that may ever be sent, and one to receive', async () => {
    const table = new Table()
    const meeting = await table.connected()
    expect(meeting.state).toEqual({ state: 'connected' })
    expect(meeting.self?.participant).toBe(meeting.me)
    expect(table.publish.getTransceivers().map(({ kind }) => kind)).toEqual([
      'audio',
      'video',
      'video',
      'audio',
    ])
    const [, camera, screen] = table.publish.getTransceivers()
    expect(camera?.encodings.map(({ rid }) => rid)).toEqual(['q', 'h', 'f'])
    expect(screen?.encodings.map(({ rid }) => rid)).toEqual(['h', 'f'])
    expect([table.count('room.offer'), table.count('room.answer')]).toEqual([1, 1])
    expect(meeting.audio?.getAudioTracks()).toHaveLength(6)
    expect(table.house.faults).toEqual([])
  })

  it('is refused as the server says, and leaves nothing behind', async () => {
    const table = new Table()
    table.house.refusals.set('room.join', 'E_FORBIDDEN')
    await expect(table.join()).rejects.toMatchObject({ code: 'E_FORBIDDEN' })
    expect(table.platform.peers).toEqual([])
  })

  it('waits at the door until somebody opens', async () => {
    const table = new Table()
    table.house.lobby = true
    const meeting = await table.join()
    expect([meeting.state, table.platform.peers]).toEqual([{ state: 'waiting' }, []])
    const published = meeting.publish('microphone', track('audio'))
    table.house.admit(meeting.me, true)
    await table.done(published)
    await table.pass(1_000)
    expect(meeting.state).toEqual({ state: 'connected' })
    expect(table.house.find(meeting.me)?.publications).toEqual({ microphone: { muted: false } })
  })

  it('shows the whole room to who was let in, whatever happened meanwhile', async () => {
    for (let ms = 0; ms < 120; ms += 10) {
      const table = new Table(ms)
      face(table)
      table.house.lobby = true
      const meeting = await table.join()
      face(table)
      expect(meeting.participants.map(({ participant }) => participant)).toEqual([meeting.me])
      table.house.admit(meeting.me, true)
      await table.pass(ms)
      face(table)
      await table.pass(1_000)
      expect(meeting.participants).toEqual(table.house.room.participants)
      expect(meeting.participants).toHaveLength(4)
    }
  })

  it('ends at the door for who is turned away', async () => {
    const table = new Table()
    table.house.lobby = true
    const meeting = await table.join()
    table.house.admit(meeting.me, false)
    await table.pass(100)
    expect(meeting.state).toEqual({ state: 'left', reason: 'denied' })
  })

  it('ends at the door of a room that ends, and says so', async () => {
    const table = new Table()
    table.house.lobby = true
    const meeting = await table.join()
    table.house.end()
    table.house.admit(meeting.me, false)
    await table.pass(100)
    expect(meeting.state).toEqual({ state: 'left', reason: 'ended' })
  })

  it('is given up when the caller says so, and whoever is let in after all leaves', async () => {
    for (let ms = 0; ms <= 100; ms += 10) {
      const table = new Table(ms)
      const calledOff = new AbortController()
      const { signal } = calledOff
      const joining = table.join({ signal }).catch((thrown: unknown) => thrown)
      await table.pass(ms)
      const isIn = table.platform.peers.length > 0
      calledOff.abort(new Error('too long'))
      await table.pass(1_000)
      if (isIn) continue
      expect(await joining).toEqual(new Error('too long'))
      expect([table.house.room.participants, table.platform.open]).toEqual([[], []])
    }
  })

  it('says that the network lets nothing through, until it does', async () => {
    const table = new Table()
    table.network = false
    const meeting = await table.join()
    await table.pass(19_000)
    expect(meeting.stuck).toBe(false)
    await table.pass(2_000)
    expect([meeting.stuck, meeting.state]).toEqual([true, { state: 'connecting' }])
    table.network = true
    await table.pass(15_000)
    expect([meeting.stuck, meeting.state]).toEqual([false, { state: 'connected' }])
    expect(table.updates.filter(({ kind }) => kind === 'stuck')).toHaveLength(2)
  })

  it('takes the place of before, and a new one if that was given up', async () => {
    const table = new Table()
    const place = table.house.join(id(1))
    expect((await table.join({ participant: place })).me).toBe(place)
    const other = new Table()
    expect((await other.join({ participant: id(77) })).me).not.toBe(id(77))
  })
})

describe('sending', () => {
  it('begins without negotiation, and the others are told', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const [voice, face] = [track('audio'), track('video')]
    await table.done(
      Promise.all([meeting.publish('microphone', voice), meeting.publish('camera', face)]),
    )
    expect(sendersOf(table)).toEqual([voice, face, null, null])
    expect([voice.contentHint, face.contentHint]).toEqual(['speech', 'motion'])
    const publications = { microphone: { muted: false }, camera: { muted: false } }
    expect(table.house.find(meeting.me)?.publications).toEqual(publications)
    expect(table.count('room.offer')).toBe(1)
  })

  it('stops at the source while muted, and goes on with another track without a word', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const [one, other] = [track('video', 'one'), track('video', 'other')]
    await table.done(meeting.publish('camera', one))
    await table.done(meeting.mute('camera'))
    expect(sendersOf(table)[1]).toBe(null)
    await table.done(meeting.unmute('camera', other))
    expect(sendersOf(table)[1]).toBe(other)
    const told = table.count('room.publish')
    await table.done(meeting.replace('camera', one))
    expect([sendersOf(table)[1], table.count('room.publish')]).toEqual([one, told])
    await table.done(meeting.unpublish('camera'))
    expect([sendersOf(table)[1], meeting.sending.size]).toEqual([null, 0])
    expect(table.house.find(meeting.me)?.publications).toEqual({})
  })

  it('of what the rules forbid is refused, and nothing is sent', async () => {
    const table = new Table()
    const meeting = await table.connected()
    table.house.refusals.set('room.publish', 'E_FORBIDDEN')
    const published = table.done(meeting.publish('screen', track('video')))
    await expect(published).rejects.toMatchObject({ code: 'E_FORBIDDEN' })
    await table.pass(100)
    expect([sendersOf(table)[2], meeting.sending.size]).toEqual([null, 0])
  })

  it('of the wrong kind, of nothing, and of a track that has ended is refused at once', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const wrong = meeting.publish('camera', track('audio'))
    await expect(wrong).rejects.toMatchObject({ code: 'E_BAD_ARG', field: 'track' })
    await expect(meeting.mute('camera')).rejects.toMatchObject({ field: 'source' })
    const ended = Object.assign(track('video'), { readyState: 'ended' })
    await table.done(meeting.publish('camera', ended, { muted: true }))
    await expect(meeting.unmute('camera')).rejects.toMatchObject({ field: 'track' })
  })

  it('is ended by a moderator at the source', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const voice = track('audio')
    await table.done(meeting.publish('microphone', voice))
    await table.done(meeting.publish('screen', track('video')))
    await table.pass(200)
    table.house.publish(meeting.me, 'microphone', { muted: true })
    table.house.publish(meeting.me, 'screen', undefined)
    await table.pass(200)
    expect(sendersOf(table)).toEqual([null, null, null, null])
    expect([...meeting.sending]).toEqual([['microphone', { track: voice, muted: true }]])
    const muted = table.updates.flatMap(told => (told.kind === 'muted' ? told.source : []))
    expect(muted).toEqual(['microphone', 'screen'])
  })

  it('spares the layers that nobody looks at, and all of them after a while', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const wanted = (layers: number) =>
      table.house.ephemeral('room.wanted', {
        ...{ room: ROOM, participant: meeting.me, source: 'camera', layers },
      })
    wanted(1)
    await table.pass(100)
    expect(layers(table, 1)).toEqual([true, false, false])
    wanted(0)
    await table.pass(4_000)
    expect(layers(table, 1)).toEqual([true, false, false])
    await table.pass(1_200)
    expect(layers(table, 1)).toEqual([false, false, false])
    wanted(3)
    wanted(2)
    await table.pass(200)
    expect(layers(table, 1)).toEqual([true, true, false])
  })

  it('is over for who left: nothing is told of what was on its way, nor taken any more', async () => {
    const table = new Table()
    const meeting = await table.connected()
    await table.done(meeting.publish('camera', track('video')))
    const muted = meeting.mute('camera').catch((thrown: unknown) => thrown)
    const left = meeting.leave()
    const told = table.updates.length
    await table.done(left)
    expect(await muted).toMatchObject({ code: 'E_STOPPED' })
    await expect(meeting.publish('screen', track('video'))).rejects.toMatchObject({
      code: 'E_STOPPED',
    })
    expect(table.updates.slice(told)).toEqual([])
    expect([...meeting.sending.keys()]).toEqual(['camera'])
  })
})

describe('looking', () => {
  it('at more than the connection can be described with is looking at the first of them', async () => {
    const table = new Table()
    const meeting = await table.connected()
    table.platform.sectionLength = 1_500
    const faces = Array.from({ length: 49 }, () => face(table))
    meeting.setViews(faces.map(participant => view(participant)))
    await table.pass(2_000)
    const isShown = faces.map(participant => meeting.trackOf(participant, 'camera') !== undefined)
    expect(isShown.indexOf(false)).toBe(20)
    expect(isShown.lastIndexOf(true)).toBe(19)
    expect([meeting.state, table.count('room.join')]).toEqual([{ state: 'connected' }, 1])
    expect(table.house.faults).toEqual([])
  })

  it('asks for what is on the screen, ten times a second at most, and only for changes', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const faces = Array.from({ length: 4 }, () => face(table))
    await table.pass(200)
    const before = table.count('room.subscribe')
    for (let at = 0; at < 100; at += 1) {
      meeting.setViews(faces.map(participant => view(participant, 'camera', 100 + at)))
      await table.pass(10)
    }
    await table.pass(300)
    const asked = table.count('room.subscribe') - before
    expect(asked).toBeGreaterThan(2)
    expect(asked).toBeLessThanOrEqual(11)
    const last = table.house.asked.findLast(({ op }) => op === 'room.subscribe')
    expect(last?.args).toMatchObject({ views: [{ width: 199 }, {}, {}, {}] })
    meeting.setViews(faces.map(participant => view(participant, 'camera', 199)))
    await table.pass(500)
    expect(table.count('room.subscribe') - before).toBe(asked)
  })

  it('grows the connection for a crowd, and shows each in a slot of their own', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const faces = Array.from({ length: 12 }, () => face(table))
    meeting.setViews(faces.map(participant => view(participant)))
    await table.pass(1_000)
    const tracks = faces.map(participant => meeting.trackOf(participant, 'camera'))
    expect(new Set(tracks).size).toBe(12)
    expect(tracks).not.toContain(undefined)
    expect(table.house.faults).toEqual([])
    // Who leaves, or hides, is not shown by what their slot shows next.
    const [first = '', second = ''] = faces
    table.house.leave(first, 'left')
    table.house.publish(second, 'camera', undefined)
    const gone = [first, second].map(participant => meeting.trackOf(participant, 'camera'))
    expect(gone).toEqual([undefined, undefined])
  })

  it('shows who turns the camera on later', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const other = table.house.join(YOU)
    meeting.setViews([view(other)])
    await table.pass(1_000)
    expect(meeting.trackOf(other, 'camera')).toBe(undefined)
    table.house.publish(other, 'camera', { muted: false })
    await table.pass(300)
    expect(meeting.trackOf(other, 'camera')).toBeDefined()
  })

  it('takes sizes as pages have them', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const other = face(table)
    const odd = { ...view(other), width: 12.6, height: 0 }
    meeting.setViews([odd, view(other), { ...view(other, 'screen'), width: 1e9 }])
    await table.pass(300)
    const last = table.house.asked.findLast(({ op }) => op === 'room.subscribe')
    expect(last?.args).toMatchObject({
      views: [
        { source: 'camera', width: 13, height: 1 },
        { source: 'screen', width: 65_535 },
      ],
    })
  })
})

describe('the end', () => {
  it.each(['left', 'kicked'] as const)('by having %s closes everything', async gone => {
    const table = new Table()
    const meeting = await table.connected()
    if (gone === 'left') await table.done(meeting.leave())
    else table.house.leave(meeting.me, 'kicked')
    expect(meeting.state).toEqual({ state: 'left', reason: gone })
    expect(table.platform.open).toEqual([])
    expect(table.house.find(meeting.me)).toBe(undefined)
    const asked = table.house.asked.length
    await table.pass(20_000)
    expect(table.house.asked.length).toBe(asked)
  })

  it('of the room is everybody’s', async () => {
    const table = new Table()
    const meeting = await table.connected()
    table.house.end()
    expect([meeting.state, meeting.room.phase]).toEqual([
      { state: 'left', reason: 'ended' },
      'ended',
    ])
  })

  it('does not wait for a server that is away', async () => {
    const table = new Table()
    const meeting = await table.connected()
    table.house.online(false)
    await table.done(meeting.leave())
    expect([meeting.state.state, table.platform.open]).toEqual(['left', []])
    await expect(meeting.publish('microphone', track('audio'))).rejects.toMatchObject({
      code: 'E_STOPPED',
    })
  })
})

describe('what happens in the room', () => {
  it('is told with everything else already so', async () => {
    const table = new Table()
    const meeting = await table.connected()
    const seen: unknown[] = []
    meeting.listen(update => {
      if (update.kind === 'joined') seen.push(meeting.participants.at(-1) === update.participant)
      if (update.kind === 'speaking') seen.push(meeting.speaking)
      if (update.kind === 'reaction') seen.push(update)
    })
    const before = meeting.participants
    const other = table.house.join(YOU)
    expect(meeting.participants).not.toBe(before)
    table.house.ephemeral('room.speaking', { speaking: [other] })
    table.house.ephemeral('room.reaction', { participant: other, emoji: '👏' })
    expect(seen).toEqual([true, [other], { kind: 'reaction', participant: other, emoji: '👏' }])
  })
})
