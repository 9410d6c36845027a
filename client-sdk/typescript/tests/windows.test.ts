/** Several windows of one person, which share the state of the browser. */

import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Client, indexedDb, type Options, type Queued, type Store } from '../src/node.ts'
import { OUTBOX_LENGTH_MAX, REFUSED_MAX } from '../src/state.ts'
import {
  CONV,
  error,
  id,
  inState,
  ME,
  type Peer,
  Server,
  type Stream,
  say,
  sent,
  textOf,
  until,
  wordsOf,
  YOU,
} from './kit.ts'
import { installLocks, removeLocks } from './locks.ts'

const NAME = 'carillon-amy'

let closing: { close(): Promise<void> }[]

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
  installLocks()
  closing = []
})

afterEach(async () => {
  await Promise.all(closing.map(one => one.close()))
})

describe('the state in a browser', () => {
  async function open(name = NAME): Promise<Store> {
    const store = await indexedDb(name).open()
    closing.push(store)
    return store
  }

  function queued(number: number): Queued {
    return { cid: id(number), conv: CONV, message: say(String(number)), queuedAt: number }
  }

  async function kept(store: Store): Promise<number[]> {
    return (await store.kept([])).entries.map(({ queuedAt }) => queuedAt)
  }

  it('is the same for every window', async () => {
    const [one, other] = [await open(), await open()]
    expect(one.device).toBe(other.device)
    const changed = new Promise<void>(resolve => other.watch(resolve))
    await one.add(queued(1))
    await changed
    expect(await kept(other)).toEqual([1])
    expect((await open('carillon-bob')).device).not.toBe(one.device)
  })

  it('belongs to the first who claims it', async () => {
    const [one, other] = [await open(), await open()]
    expect(one.owner).toBeUndefined()
    expect(await Promise.all([one.claim(ME), other.claim(YOU)])).toEqual([ME, ME])
    expect((await open()).owner).toBe(ME)
  })

  it('takes a message once, and a refused one anew', async () => {
    const store = await open()
    await Promise.all([store.add(queued(1)), store.add(queued(1)), store.add(queued(2))])
    await store.settle(id(1), { refused: error('E_MUTED') })
    expect((await store.kept([])).entries[0]).toEqual({ ...queued(1), refused: error('E_MUTED') })
    await store.add(queued(1))
    expect((await store.kept([])).entries).toEqual([queued(2), queued(1)])
    await store.discard(id(1))
    expect(await kept(store), 'only what was refused is discarded').toEqual([2, 1])
    await store.settle(id(1), { refused: error('E_MUTED') })
    await store.discard(id(1))
    expect(await kept(store)).toEqual([2])
  })

  it('keeps the answers of what was sent, until it is queued again', async () => {
    const store = await open()
    await store.add(queued(1))
    await store.settle(id(1), { sent: sent(7) })
    expect(await store.kept([id(1), id(2)])).toEqual({
      entries: [],
      answers: new Map([[id(1), sent(7)]]),
    })
    await store.add(queued(1))
    expect((await store.kept([id(1)])).answers.size).toBe(0)
  })

  it('is bounded', async () => {
    const store = await open()
    for (let number = 1; number <= OUTBOX_LENGTH_MAX; number += 1) await store.add(queued(number))
    await expect(store.add(queued(0))).rejects.toMatchObject({ code: 'E_OUTBOX_FULL' })
    await store.add(queued(1))
    for (let number = 1; number <= REFUSED_MAX + 2; number += 1) {
      await store.settle(id(number), { refused: error('E_MUTED') })
    }
    expect((await kept(store))[0]).toBe(3)
    expect(await kept(store)).toHaveLength(OUTBOX_LENGTH_MAX - 2)
    await store.add(queued(0))
  })

  it('lets one window send, then the next in line, and gives way to one that takes it', async () => {
    const [one, two, three] = [await open(), await open(), await open()]
    const heard: string[] = []
    const turn = (name: string, then: () => void = () => {}) => ({
      began: () => {
        heard.push(`${name} begins`)
        then()
      },
      ended: () => heard.push(`${name} ends`),
    })
    await new Promise<void>(resolve => one.lead(false, turn('one', resolve)))
    const second = new Promise<void>(resolve => two.lead(false, turn('two', resolve)))
    await new Promise<void>(resolve => three.lead(true, turn('three', resolve)))
    await Promise.resolve()
    expect(heard).toEqual(['one begins', 'one ends', 'three begins'])
    three.yield()
    await second
    two.yield()
    expect(heard.slice(3)).toEqual(['two begins'])
  })
})

describe('windows', () => {
  let server: Server

  beforeEach(async () => {
    server = await Server.start()
    closing.push({ close: () => server.stop() })
  })

  function options(): Options {
    return { ...server.options, state: indexedDb(NAME) }
  }

  async function window(): Promise<[Client, Peer, Stream]> {
    const client = await Client.open(options())
    closing.unshift(client)
    const stream = client.events()
    const peer = await server.accept()
    await peer.greet()
    await inState(stream, 'online')
    return [client, peer, stream]
  }

  it('are one installation and different windows', async () => {
    const hellos = []
    for (const _ of [1, 2]) {
      const client = await Client.open(options())
      closing.unshift(client)
      hellos.push(await (await server.accept()).hello())
    }
    expect(hellos[0]?.device).toBe(hellos[1]?.device)
    expect(hellos[0]?.tab).not.toBe(hellos[1]?.tab)
    expect(hellos[0]?.tab).toBeDefined()
  })

  it('send what is written in the one where it is written, and all see it come and go', async () => {
    const [one, first, ones] = await window()
    const [two, second, twos] = await window()
    for (const [client, peer, other, others] of [
      [two, second, one, ones],
      [one, first, two, twos],
    ] as const) {
      const { cid, sent: answer } = await client.queue(say('hello'))
      const call = await peer.call()
      expect([call.cid, textOf(call)]).toEqual([cid, 'hello'])
      while (other.outbox.length === 0) await until(others, 'outbox')
      expect(other.outbox).toMatchObject([{ cid, message: say('hello') }])
      peer.ok(call, sent(1))
      expect(await answer).toEqual(sent(1))
      while (other.outbox.length > 0) await until(others, 'outbox')
    }
  })

  it('send what was written in one that is offline', async () => {
    const offline = await Client.open({ ...options(), url: 'http://127.0.0.1:1' })
    closing.unshift(offline)
    const [, peer] = await window()
    const { cid, sent: answer } = await offline.queue(say('from the other one'))
    const call = await peer.call()
    expect(call.cid).toBe(cid)
    peer.ok(call, sent(1))
    expect(await answer).toEqual(sent(1))
  })

  it('send for each other again after the one that took over has died', async () => {
    const [, first] = await window()
    const [two, second] = await window()
    const { sent: answer } = await two.queue(say('1'))
    second.ok(await second.call(), sent(1))
    await answer
    await two.close()
    const offline = await Client.open({ ...options(), url: 'http://127.0.0.1:1' })
    closing.unshift(offline)
    await offline.queue(say('2'))
    expect(textOf(await first.call())).toBe('2')
  })

  it('go on where one has died while it was sending', async () => {
    const [one, first] = await window()
    const [, second] = await window()
    await one.queue(say('1'))
    const third = await one.queue(say('2'))
    const calls = [await first.call(), await first.call()]
    // The server has written the first one, and nobody hears of it.
    await one.close()
    await expect(third.sent).rejects.toMatchObject({ code: 'E_STOPPED' })
    const again = [await second.call(), await second.call()]
    expect(again.map(({ cid, prev }) => [cid, prev])).toEqual(
      calls.map(({ cid, prev }) => [cid, prev]),
    )
  })

  it('all hear that a message was refused, and one discards it for all', async () => {
    const [one, first] = await window()
    const [two, , twos] = await window()
    const { cid, sent: answer } = await one.queue(say('no'))
    first.err(await first.call(), 'E_CONTENT_REJECTED')
    await expect(answer).rejects.toMatchObject({ code: 'E_CONTENT_REJECTED' })
    expect(await until(twos, 'refused')).toMatchObject({
      cid,
      error: { code: 'E_CONTENT_REJECTED' },
    })
    expect(two.outbox).toMatchObject([{ cid, refused: { code: 'E_CONTENT_REJECTED' } }])
    await one.discard(cid)
    while (two.outbox.length > 0) await until(twos, 'outbox')
    expect(one.outbox).toEqual([])
  })

  it('send what was written before the browser was closed, in order', async () => {
    const before = await Client.open({ ...options(), url: 'http://127.0.0.1:1' })
    for (const text of ['1', '2', '3']) await before.queue(say(text))
    await before.close()
    const [client, peer] = await window()
    expect(client.outbox.map(({ message }) => wordsOf(message))).toEqual(['1', '2', '3'])
    const calls = [await peer.call(), await peer.call(), await peer.call()]
    expect(calls.map(textOf)).toEqual(['1', '2', '3'])
    expect(calls.map(({ prev }) => prev)).toEqual([undefined, calls[0]?.cid, calls[1]?.cid])
  })

  it('of different people have nothing to do with each other', async () => {
    const [amy, first] = await window()
    await amy.queue(say('amy’s'))
    await first.call()
    const bob = await Client.open({ ...server.options, state: indexedDb('carillon-bob') })
    closing.unshift(bob)
    const peer = await server.accept()
    await peer.greet({ user: YOU })
    expect(bob.outbox).toEqual([])
    const sending = await bob.queue(say('bob’s'))
    const call = await peer.call()
    expect([call.cid, textOf(call)]).toEqual([sending.cid, 'bob’s'])
    // Somebody who signs in as another person in the same state gets nothing of it.
    const stranger = Client.connect(options())
    const third = await server.accept()
    await third.greet({ user: YOU })
    await expect(stranger).rejects.toMatchObject({ code: 'E_STORAGE' })
    expect(await third.tryCall()).toBeUndefined()
  })

  it('of two people who open the same state at once serve the first', async () => {
    const [amy, bob] = [await Client.open(options()), await Client.open(options())]
    closing.unshift(amy, bob)
    const [one, other] = [await server.accept(), await server.accept()]
    const [amys, bobs] = [amy.events(), bob.events()]
    await one.greet({ user: ME })
    await Promise.race([inState(amys, 'online'), inState(bobs, 'online')])
    const [sending, stranger, strangers] =
      amy.connection.state === 'online' ? [amy, other, bobs] : [bob, other, amys]
    await sending.queue(say('mine'))
    expect(textOf(await one.call())).toBe('mine')
    await stranger.greet({ user: YOU })
    const { connection } = await inState(strangers, 'ended')
    expect(connection).toMatchObject({ error: { code: 'E_STORAGE' } })
    expect(await stranger.tryCall()).toBeUndefined()
  })

  it('send also where the browser has no locks, each message under one `cid`', async () => {
    removeLocks()
    const [one, first] = await window()
    const [, second] = await window()
    const { cid, sent: answer } = await one.queue(say('hello'))
    const [mine, others] = [await first.call(), await second.call()]
    expect([mine.cid, others.cid]).toEqual([cid, cid])
    first.ok(mine, sent(1))
    second.ok(others, { ...sent(1), dup: true })
    expect(await answer).toMatchObject({ seq: 1 })
  })
})
