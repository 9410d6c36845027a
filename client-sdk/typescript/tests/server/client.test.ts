/** The client against the shipped server: signing in, talking, coming back. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Client, folder, type Options, rpc, text } from '../../src/node.ts'
import type { ConvId } from '../../src/protocol.ts'
import { inState, type Stream, until } from '../kit.ts'
import { Carillon, caughtUp, type Person, say } from './carillon.ts'
import { Line } from './line.ts'

let carillon: Carillon
let amy: Person
let bob: Person
let conv: ConvId
let line: Line
let clients: Client[]

beforeAll(async () => {
  carillon = await Carillon.start()
  amy = await carillon.person('amy')
  bob = await carillon.person('bob')
})

beforeEach(async () => {
  conv = await carillon.group(amy, bob)
  line = await Line.start()
  line.aim(carillon.url)
  clients = []
})

afterEach(async () => {
  await Promise.all(clients.map(client => client.close()))
  await line.stop()
})

afterAll(() => carillon.stop())

async function connected(options: Options) {
  const all = await caughtUp(options)
  clients.push(all.client)
  return all
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => String(from + at))
}

/**
 * How many bytes each line carries, by a seed: one in four hardly gets beyond `hello`, on the others
 * a page of the log fits often enough. Mulberry32 (Tommy Ettinger, 2017).
 */
function lives(seed: number): () => number {
  let state = seed
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return () => 300 + Math.floor(random() * (random() < 0.25 ? 2_000 : 90_000))
}

/** What is said next in the group. */
async function said(stream: Stream): Promise<string> {
  for (;;) {
    const { event } = await until(stream, 'event')
    const words = event.topic === `c:${conv}` ? text(event) : undefined
    if (words !== undefined) return words
  }
}

async function allSaid(stream: Stream, count: number): Promise<string[]> {
  const words: string[] = []
  while (words.length < count) words.push(await said(stream))
  return words
}

describe('signing in', () => {
  it('by name and password gives a token for the socket', async () => {
    const add = ['user', 'add', '--login', 'carol', '--name', '何嘉欣', '--password-stdin']
    const user = await carillon.run(add, 'opens sesame 7')
    const login = { login: 'carol', password: 'opens sesame 7' }
    const grant = await rpc(carillon.url, 'session.login', login)
    expect(grant).toMatchObject({ user, token: expect.any(String) })
    const token = grant.token ?? ''
    const { client } = await connected({ url: carillon.url, token })
    expect([client.me, client.welcome?.user]).toEqual([user, user])
    expect(await client.call('session.whoami', {})).toMatchObject({ user, name: '何嘉欣' })
  })

  it('with a wrong password is refused', async () => {
    const guess = rpc(carillon.url, 'session.login', { login: 'amy', password: 'guess' })
    await expect(guess).rejects.toMatchObject({ code: 'E_UNAUTH', retry: 'reauth' })
  })

  it('where nobody listens is an error that passes', async () => {
    const nobody = rpc('http://127.0.0.1:1', 'session.methods', {})
    await expect(nobody).rejects.toMatchObject({ code: 'E_OFFLINE', retry: 'after' })
  })

  it('by a ticket works for each connection anew, until the session is signed out', async () => {
    const { token: own } = await rpc(carillon.url, 'session.login', {
      login: 'carol',
      password: 'opens sesame 7',
    })
    let tickets = 0
    const token = async () => {
      tickets += 1
      const { token } = await rpc(carillon.url, 'session.token', {}, { token: own ?? '' })
      return token
    }
    const { client, stream } = await connected({ url: line.url, token })
    line.cut()
    await until(stream, 'synced')
    expect(tickets).toBe(2)
    await client.call('session.logout', {}).catch(() => {})
    const { connection } = await inState(stream, 'ended')
    expect(connection).toMatchObject({ error: { retry: 'reauth' } })
  })

  it('with a token that is none is refused', async () => {
    const stranger = caughtUp({ url: carillon.url, token: 'cdt_nobody' })
    await expect(stranger).rejects.toMatchObject({ code: 'E_UNAUTH', retry: 'reauth' })
  })
})

describe('talking', () => {
  it('reaches the other person, who reads it', async () => {
    const one = await connected(carillon.options(amy))
    const other = await connected(carillon.options(bob))
    const { conv } = await one.client.call('conv.open', { user: bob.user })
    const { seq } = await one.client.send(conv, '收到，聽朝八點半到。')
    const { event } = await until(other.stream, 'event', ({ event }) => event.k === 'msg.sent')
    expect([text(event), event.seq, event.by]).toEqual(['收到，聽朝八點半到。', seq, amy.user])
    await other.client.call('conv.read', { conv, from: seq, seq })
    const { ephemeral } = await until(
      one.stream,
      'ephemeral',
      ({ ephemeral: { k } }) => k === 'receipts',
    )
    expect(ephemeral.data).toEqual({ cursors: [[bob.user, seq]] })
    const { counts } = await one.client.call('receipt.counts', { conv, seqs: [seq] })
    expect(counts).toEqual([[seq, 1, 1]])
    const answer = await other.client.reply(event, 'OK')
    const heard = await until(one.stream, 'event', ({ event }) => event.seq === answer.seq)
    expect(heard.event.data).toMatchObject({ text: 'OK', reply_to: seq })
  })

  it('where one may not is refused, and the message waits to be discarded', async () => {
    const { client } = await connected(carillon.options(amy))
    const sent = client.send(client.me, 'to no conversation')
    await expect(sent).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    expect(client.outbox).toMatchObject([{ refused: { code: 'E_NOT_FOUND' } }])
    for (const { cid } of client.outbox) await client.discard(cid)
    expect(client.outbox).toEqual([])
  })
})

describe('coming back', () => {
  it('to a group whose history is for all brings what was said without this person', async () => {
    const { client } = await connected({ url: carillon.url, token: amy.token })
    const { stream } = await connected({ url: carillon.url, token: bob.token })
    await say(carillon, amy, conv, ['before'])
    expect(await said(stream)).toBe('before')
    const members = { conv, users: [bob.user] }
    for (const round of ['1', '2']) {
      await client.call('conv.member.remove', members)
      await say(carillon, amy, conv, [`without ${round}`, `him ${round}`])
      await client.call('conv.member.add', members)
      await say(carillon, amy, conv, [`after ${round}`])
      const words = [`without ${round}`, `him ${round}`, `after ${round}`]
      expect(await allSaid(stream, 3)).toEqual(words)
    }
  })

  it('after the line was cut brings everything that was said meanwhile, once', async () => {
    const { client, stream } = await connected({ ...carillon.options(amy), url: line.url })
    await say(carillon, bob, conv, numbers(1, 5))
    expect(await allSaid(stream, 5)).toEqual(numbers(1, 5))
    line.aim(undefined)
    await inState(stream, 'offline')
    await say(carillon, bob, conv, numbers(6, 300))
    line.aim(carillon.url)
    client.reconnect()
    expect(await allSaid(stream, 295)).toEqual(numbers(6, 300))
  })

  it.each([1, 2, 3])('over a line that breaks loses and doubles nothing, seed %i', async seed => {
    const breaking = await Line.start(lives(seed))
    breaking.aim(carillon.url)
    const [dan, erin] = [await carillon.person(`dan${seed}`), await carillon.person(`erin${seed}`)]
    conv = await carillon.group(dan, erin)
    const state = await mkdtemp(join(tmpdir(), 'carillon-client-'))
    const options = { ...carillon.options(dan), url: breaking.url, state: folder(state) }
    const writer = await connected(options)
    const reader = await connected({ ...carillon.options(erin), url: breaking.url })
    const sending: Promise<{ seq: number }>[] = []
    for (const words of numbers(1, 200)) {
      const body = { kind: 'text', text: words } as const
      const { sent } = await writer.client.queue({ conv, body })
      sending.push(sent)
      if (sending.length % 40 === 0) breaking.cut()
    }
    expect(await allSaid(reader.stream, 200)).toEqual(numbers(1, 200))
    const seqs = (await Promise.all(sending)).map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, at) => (seqs[0] ?? 0) + at))
    expect(breaking.cuts).toBeGreaterThanOrEqual(5)
    await Promise.all([writer.client.close(), reader.client.close()])
    await breaking.stop()
    await rm(state, { recursive: true })
  })

  it('to a line that took nothing for a while repairs what the server left out', async () => {
    const COUNT = 1_500
    const { stream } = await connected({ ...carillon.options(amy), url: line.url })
    line.stall(true)
    const long = '長'.repeat(300)
    const { client } = await connected(carillon.options(bob))
    const sending: Promise<unknown>[] = []
    for (let at = 1; at <= COUNT; at += 1) {
      while (client.outbox.length > 500) await Promise.all(sending.splice(0))
      const body = { kind: 'text', text: `${at} ${long}` } as const
      const { sent } = await client.queue({ conv, body })
      sending.push(sent)
    }
    await Promise.all(sending)
    line.stall(false)
    const heard: number[] = []
    let repaired = false
    while (heard.length < COUNT || !repaired) {
      const { value: update } = await stream.next()
      if (update?.kind === 'event') heard.push(Number.parseInt(text(update.event) ?? '', 10))
      if (update?.kind === 'repaired') repaired = update.topic === `c:${conv}`
    }
    expect(heard).toEqual(Array.from({ length: COUNT }, (_, at) => at + 1))
  })
})
