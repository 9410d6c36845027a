/** Coming back: `sync` tokens, gaps, `dirty`, `bye` and the close codes. */

import { describe, expect, it } from 'vitest'
import { CarillonError, Client, type Connection, folder, type Update } from '../src/node.ts'
import { CLOSE_CODES, type LogRead } from '../src/protocol.ts'
import {
  CONV,
  error,
  event,
  inState,
  logPage,
  ME,
  nextSeq,
  Table,
  TOPIC,
  until,
  YOU,
} from './kit.ts'

const table = Table.lay()

function after(call: { args: unknown }): number | undefined {
  return (call.args as LogRead).after
}

describe('events', () => {
  it('of a lost connection are read from the log after the next one', async () => {
    const [, first, stream] = await table.inStep()
    first.ev(5)
    expect(await nextSeq(stream)).toBe(5)
    first.drop()
    const peer = await table.server.accept()
    expect(await peer.greet()).toBe('s1')
    peer.page(9, [event(9)])
    peer.synced('s2')
    const call = await peer.call()
    expect([call.op, after(call)]).toEqual(['log.read', 5])
    peer.ok(call, logPage(6, 9, 9))
    for (const seq of [6, 7, 8, 9]) expect(await nextSeq(stream)).toBe(seq)
    await until(stream, 'synced')
  })

  it('that are missing are read from the log', async () => {
    const [, peer, stream] = await table.inStep()
    for (const seq of [6, 6, 8]) peer.ev(seq)
    const call = await peer.call()
    expect(after(call)).toBe(4)
    peer.ok(call, logPage(5, 8, 8))
    peer.ev(8)
    peer.ev(9)
    for (const seq of [5, 6, 7, 8, 9]) expect(await nextSeq(stream)).toBe(seq)
  })

  it('that the server left out are repaired', async () => {
    const [, peer, stream] = await table.inStep()
    peer.ev(5)
    peer.send({ t: 'dirty', topics: [[TOPIC, 8]] })
    peer.ev(9)
    const call = await peer.call()
    expect(after(call)).toBe(5)
    peer.ok(call, logPage(6, 8, 8))
    for (const seq of [5, 6, 7, 8, 9]) expect(await nextSeq(stream)).toBe(seq)
    expect((await until(stream, 'repaired')).topic).toBe(TOPIC)
  })

  it('wait for a slow reader, which holds up no call', async () => {
    const EVENTS = 5_000
    const [client, peer, stream] = await table.connected()
    peer.page(0)
    peer.synced('s1')
    for (let seq = 1; seq <= EVENTS; seq += 1) peer.ev(seq)
    // Nobody has taken an event yet, and a call is answered all the same.
    const asked = client.call('conv.read', { conv: CONV, from: 1, seq: 2 })
    peer.err(await peer.call(), 'E_NOT_FOUND')
    await expect(asked).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    const serving = (async () => {
      for (let call = await peer.tryCall(); call; call = await peer.tryCall()) {
        const from = (after(call) ?? 0) + 1
        peer.ok(call, logPage(from, Math.min(from + 199, EVENTS), EVENTS))
      }
    })()
    for (let seq = 1; seq <= EVENTS; seq += 1) expect(await nextSeq(stream)).toBe(seq)
    await client.close()
    await serving
  })

  it('come with what matters only now, and with the topics of the catch-up', async () => {
    const [, peer, stream] = await table.connected()
    peer.page(4, [event(4)])
    expect((await until(stream, 'topic')).page).toMatchObject({ topic: TOPIC, head: 4, unread: 4 })
    peer.send({ t: 'eph', k: 'read', topic: TOPIC, data: { unread: 0 } })
    const { ephemeral } = await until(stream, 'ephemeral')
    expect(ephemeral).toEqual({ k: 'read', topic: TOPIC, data: { unread: 0 } })
    peer.ev(5)
    expect((await until(stream, 'event')).event).toEqual(event(5))
  })

  it('are heard by listeners as they come, and what listeners ask does not come between', async () => {
    const client = await table.open()
    const heard: Update[] = []
    client.listen(update => {
      heard.push(update)
      if (update.kind === 'event') void client.call('session.whoami', {}).catch(() => {})
    })
    const peer = await table.server.accept()
    await peer.greet()
    peer.page(4)
    peer.synced('s1')
    for (const seq of [6, 7, 5]) peer.ev(seq)
    await peer.call()
    const seqs = heard.flatMap(update => (update.kind === 'event' ? update.event.seq : []))
    expect(seqs).toEqual([5, 6, 7])
    expect(heard[0]).toEqual({ kind: 'connection', connection: { state: 'connecting' } })
  })
})

describe('a `sync` token', () => {
  it('that is too old is left out', async () => {
    const [, first, stream] = await table.inStep()
    first.drop()
    const second = await table.server.accept()
    expect((await second.hello()).sync).toBe('s1')
    second.send({ t: 'err', ...error('E_TOO_FAR') })
    const third = await table.server.accept()
    expect(await third.greet()).toBeUndefined()
    third.page(5, [event(5)])
    expect(await nextSeq(stream)).toBe(5)
  })

  it('of another log sets a topic back, and the program hears of it', async () => {
    const [, first, stream] = await table.inStep()
    first.close(CLOSE_CODES.rebalance)
    const second = await table.server.accept()
    await second.hello()
    second.send({ t: 'err', ...error('E_TOO_FAR') })
    const third = await table.server.accept()
    await third.greet()
    third.page(2, [event(2)])
    third.synced('e2.1')
    expect(await until(stream, 'reset')).toEqual({ kind: 'reset', topic: TOPIC, head: 2 })
    third.ev(3)
    expect(await nextSeq(stream)).toBe(3)
  })
})

describe('a connection', () => {
  it('comes back when `bye` says, and what was asked meanwhile is asked then', async () => {
    const [client, first, stream] = await table.inStep()
    first.bye(CLOSE_CODES.drain, 40)
    const before = Date.now()
    const { connection } = await inState(stream, 'offline')
    const { retryAt, reason } = connection as Extract<Connection, { state: 'offline' }>
    expect(reason).toContain('4001')
    expect(retryAt).toBeGreaterThanOrEqual(before + 40)
    const asked = client.call('session.whoami', {})
    const second = await table.server.accept()
    await second.greet()
    expect((await second.call()).op).toBe('session.whoami')
    second.drop()
    // Asked again on the next connection.
    const third = await table.server.accept()
    await third.greet()
    third.err(await third.call(), 'E_UNAVAILABLE')
    third.err(await third.call(), 'E_FORBIDDEN')
    await expect(asked).rejects.toMatchObject({ code: 'E_FORBIDDEN' })
  })

  it('ends for good with a final close code, and everything with it', async () => {
    const [client, peer, stream] = await table.connected()
    const asked = client.call('session.whoami', {})
    const sent = client.send(CONV, 'hi')
    await peer.call()
    peer.bye(CLOSE_CODES.replaced)
    const final = { code: 'E_CLOSED', close: CLOSE_CODES.replaced, retry: 'no' }
    await expect(asked).rejects.toMatchObject(final)
    await expect(sent).rejects.toMatchObject(final)
    expect((await inState(stream, 'ended')).connection).toMatchObject({ error: final })
    await expect(stream.next()).rejects.toMatchObject(final)
    await expect(client.send(CONV, 'hi')).rejects.toMatchObject(final)
    await expect(client.call('session.whoami', {})).rejects.toMatchObject(final)
    expect(client.outbox, 'it is kept').toHaveLength(1)
  })

  it('with a server that has gone silent is left', async () => {
    const client = await table.open()
    const stream = client.events()
    const peer = await table.server.accept()
    await peer.greet({ hb_ms: 100 })
    // It pings, and nobody answers; the connection itself stays open.
    expect(await peer.frame()).toEqual({ t: 'ping' })
    const { connection } = await inState(stream, 'offline')
    expect(connection).toMatchObject({ reason: expect.stringContaining('silent') })
    await (await table.server.accept()).greet()
  })

  it('with a server that answers its pings stays', async () => {
    const client = await table.open()
    const peer = await table.server.accept()
    await peer.greet({ hb_ms: 600 })
    for (let count = 0; count < 3; count += 1) {
      expect(await peer.frame()).toEqual({ t: 'ping' })
      peer.send({ t: 'pong', now: 0 })
    }
    expect(client.connection).toEqual({ state: 'online' })
  })

  it('to a server that is busy is tried again when it says', async () => {
    const [, peer, stream] = await table.connected()
    const before = Date.now()
    peer.send({ t: 'err', ...error('E_BUSY'), retry_ms: 30 })
    const { connection } = await inState(stream, 'offline')
    expect((connection as { retryAt: number }).retryAt).toBeGreaterThanOrEqual(before + 30)
    await (await table.server.accept()).greet()
  })

  it('is not given up for a single frame that the server does not like', async () => {
    const [client, peer] = await table.connected()
    peer.send({ t: 'err', ...error('E_BAD_FRAME') })
    peer.send('{"t":"hologram"}')
    const asked = client.call('session.devices', {})
    peer.ok(await peer.call(), { devices: [] })
    expect(await asked).toEqual({ devices: [] })
  })

  it('is left when the server talks nonsense, and tried again', async () => {
    const [, peer, stream] = await table.connected()
    peer.send('{"t":"ev"}')
    const { connection } = await inState(stream, 'offline')
    expect(connection).toMatchObject({ reason: expect.stringContaining('cannot be read') })
    await (await table.server.accept()).greet()
  })

  it('is tried at once when the program says that the network is back', async () => {
    const [client, first, stream] = await table.connected()
    first.bye(CLOSE_CODES.drain, 3_600_000)
    await inState(stream, 'offline')
    client.reconnect()
    await (await table.server.accept()).greet()
    await inState(stream, 'online')
    expect(client.connection).toEqual({ state: 'online' })
  })

  it('that is there is asked for a sign of life when the program doubts it', async () => {
    const [client, peer] = await table.inStep()
    client.reconnect()
    expect(await peer.frame()).toEqual({ t: 'ping' })
  })

  it('is waited for, and gives its error if the server refuses', async () => {
    const refused = Client.connect(table.server.options)
    const peer = await table.server.accept()
    await peer.hello()
    peer.send({ t: 'err', ...error('E_VERSION') })
    await expect(refused).rejects.toMatchObject({ code: 'E_VERSION', retry: 'upgrade' })
    const accepted = Client.connect(table.server.options)
    await (await table.server.accept()).greet()
    const client = await accepted
    expect([client.me, client.welcome?.server]).toEqual([ME, 'scripted'])
  })

  it('is not needed to open a client', async () => {
    const client = await table.open({ url: 'http://127.0.0.1:1' })
    const stream = client.events()
    await inState(stream, 'offline')
    expect(() => client.me).toThrow(CarillonError)
    expect(client.welcome).toBeUndefined()
  })

  it('is told of the end, and nothing is asked after it', async () => {
    const [client, peer, stream] = await table.connected()
    const asked = client.call('session.whoami', {})
    const closed = client.close()
    await expect(asked).rejects.toMatchObject({ code: 'E_STOPPED' })
    await Promise.all([closed, client.close(), peer.gone()])
    await inState(stream, 'ended')
    expect((await stream.next()).done).toBe(true)
  })
})

describe('a restart', () => {
  const table = Table.lay()

  it('goes on after what was dealt with', async () => {
    const [client, first, stream] = await table.inStep({ state: folder(table.dir) })
    for (let seq = 5; seq <= 9; seq += 1) first.ev(seq)
    for (let seq = 5; seq <= 7; seq += 1) expect(await nextSeq(stream)).toBe(seq)
    await client.close()
    const second = await table.open({ state: folder(table.dir) })
    expect(second.me).toBe(ME)
    const events = second.events()
    const peer = await table.server.accept()
    expect(await peer.greet()).toBe('s1')
    peer.page(9, [event(8), event(9)])
    expect(await nextSeq(events)).toBe(8)
  })

  it('after a restored backup misses nothing', async () => {
    const [client] = await table.inStep({ state: folder(table.dir) })
    await client.close()
    const second = await table.open({ state: folder(table.dir) })
    const events = second.events()
    const old = await table.server.accept()
    expect((await old.hello()).sync).toBe('s1')
    old.send({ t: 'err', ...error('E_TOO_FAR') })
    const peer = await table.server.accept()
    expect(await peer.greet()).toBeUndefined()
    peer.page(2, [event(2)])
    peer.synced('s2')
    await until(events, 'synced')
    await second.close()
    const [, last, stream] = await table.connected({ state: folder(table.dir) })
    last.page(3, [event(3)])
    last.synced('s3')
    expect(await nextSeq(stream)).toBe(3)
  })

  it('as another person does not touch the state', async () => {
    const [client] = await table.inStep({ state: folder(table.dir) })
    await client.close()
    const stranger = Client.connect({ ...table.server.options, state: folder(table.dir) })
    await (await table.server.accept()).greet({ user: YOU })
    await expect(stranger).rejects.toThrow('another person')
  })
})
