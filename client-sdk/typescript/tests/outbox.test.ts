/** Messages on their way, across errors, lost connections and restarts. */

import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Client, folder, newId } from '../src/node.ts'
import { LIMITS, type MsgSend } from '../src/protocol.ts'
import { OUTBOX_LENGTH_MAX } from '../src/state.ts'
import {
  CONV,
  event,
  id,
  inState,
  ME,
  type Peer,
  say,
  sent,
  Table,
  textOf,
  until,
  wordsOf,
  YOU,
} from './kit.ts'

const table = Table.lay()

const lines = () => readFile(join(table.dir, 'outbox.jsonl'), 'utf8')

describe('a message', () => {
  it('without an answer is sent again under the same `cid`', async () => {
    const [client, first] = await table.connected()
    const answer = client.send(CONV, 'hello')
    const call = await first.call()
    expect(call).toMatchObject({ op: 'msg.send', args: say('hello') })
    first.drop()
    const second = await table.server.accept()
    await second.greet()
    const again = await second.call()
    expect([again.cid, again.args]).toEqual([call.cid, call.args])
    second.ok(again, sent(1))
    second.ok(again, sent(2))
    expect(await answer).toEqual(sent(1))
    expect(client.outbox).toEqual([])
  })

  it('says whom it mentions and what it answers', async () => {
    const [client, peer] = await table.connected()
    const answer = client.send(CONV, 'hi @Bob', { mentions: [YOU], replyTo: 5 })
    const call = await peer.call()
    const body = { kind: 'text', text: 'hi @Bob', mentions: [YOU] }
    expect(call.args).toEqual({ conv: CONV, body, reply_to: 5 })
    peer.ok(call, sent(6))
    await answer
  })

  it('names the one before until that was refused for good', async () => {
    const [client, peer, stream] = await table.connected()
    const first = await client.queue(say('1'))
    const second = await client.queue(say('2'))
    const [one, two] = [await peer.call(), await peer.call()]
    expect([one.prev, two.prev]).toEqual([undefined, one.cid])
    peer.err(one, 'E_CONTENT_REJECTED')
    peer.err(two, 'E_PREV_MISSING')
    const again = await peer.call()
    expect([again.cid, again.prev]).toEqual([two.cid, undefined])
    peer.ok(again, sent(1))
    await expect(first.sent).rejects.toMatchObject({ code: 'E_CONTENT_REJECTED' })
    expect(await second.sent).toEqual(sent(1))
    const refused = await until(stream, 'refused')
    expect(refused).toMatchObject({
      cid: one.cid,
      conv: CONV,
      error: { code: 'E_CONTENT_REJECTED' },
    })
  })

  it('that was refused stays until it is discarded, and is sent again if it is queued again', async () => {
    const [client, peer] = await table.connected()
    const { cid, sent: answer } = await client.queue(say('no'))
    peer.err(await peer.call(), 'E_MUTED')
    await expect(answer).rejects.toMatchObject({ code: 'E_MUTED' })
    expect(client.outbox).toMatchObject([{ cid, message: say('no'), refused: { code: 'E_MUTED' } }])
    const again = await client.queue(say('no'), cid)
    const call = await peer.call()
    expect([call.cid, client.outbox[0]?.refused]).toEqual([cid, undefined])
    peer.err(call, 'E_MUTED')
    await expect(again.sent).rejects.toMatchObject({ code: 'E_MUTED' })
    await client.discard(cid)
    expect(client.outbox).toEqual([])
  })

  it('that must wait keeps its place', async () => {
    const [client, peer] = await table.connected()
    await client.queue(say('1'))
    const second = await client.queue(say('2'))
    const [one, two] = [await peer.call(), await peer.call()]
    peer.err(one, 'E_RATE', { retry_ms: 20 })
    peer.err(two, 'E_PREV_MISSING')
    const [oneAgain, twoAgain] = [await peer.call(), await peer.call()]
    expect([textOf(oneAgain), oneAgain.cid]).toEqual(['1', one.cid])
    expect([textOf(twoAgain), twoAgain.prev]).toEqual(['2', one.cid])
    peer.ok(oneAgain, sent(1))
    peer.ok(twoAgain, sent(2))
    expect(await second.sent).toEqual(sent(2))
  })

  it('waits while somebody has to sign in, and is not refused for that', async () => {
    const [client, peer, stream] = await table.connected({ state: folder(table.dir) })
    const { sent: answer } = await client.queue(say('later'))
    peer.err(await peer.call(), 'E_TOKEN_EXPIRED')
    await inState(stream, 'ended')
    await expect(answer).rejects.toMatchObject({ retry: 'reauth' })
    expect(client.outbox).toMatchObject([{ message: say('later') }])
    await client.close()
    const [, next] = await table.connected({ state: folder(table.dir), token: 'another' })
    expect(textOf(await next.call())).toBe('later')
  })

  it('is kept as it was given, whatever the program does with its own', async () => {
    const [client, peer] = await table.connected()
    const body = { kind: 'text' as const, text: 'before' }
    const message: MsgSend = { conv: CONV, body }
    const queued = client.queue(message)
    body.text = 'after'
    await queued
    expect(textOf(await peer.call())).toBe('before')
  })

  it('larger than a frame is refused at once and not kept', async () => {
    const [client, peer] = await table.connected({ state: folder(table.dir) })
    for (const text of ['x'.repeat(70_000), '\u0001'.repeat(LIMITS.TEXT_LEN_MAX)]) {
      await expect(client.queue(say(text))).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
    }
    expect(await lines()).toBe('')
    await client.queue(say('short'))
    expect(textOf(await peer.call())).toBe('short')
  })

  it('of escaped characters with every mention fits into a frame', async () => {
    const [client, peer] = await table.connected()
    const text = '"'.repeat(LIMITS.TEXT_LEN_MAX)
    const mentions = Array.from({ length: LIMITS.MENTIONS_MAX }, () => YOU)
    await client.queue({ conv: CONV, body: { kind: 'text', text, mentions } })
    expect(textOf(await peer.call())).toBe(text)
  })

  it('with an answer that cannot be read is asked for again', async () => {
    const [client, peer] = await table.connected()
    const answer = client.send(CONV, 'hello')
    peer.ok(await peer.call(), { seq: 'one' })
    peer.ok(await peer.call(), sent(1))
    expect(await answer).toEqual(sent(1))
  })
})

describe('the outbox', () => {
  it('tells of every change', async () => {
    const [client, peer, stream] = await table.connected()
    const { cid } = await client.queue(say('1'))
    await until(stream, 'outbox')
    expect(client.outbox).toMatchObject([{ cid, conv: CONV, message: say('1') }])
    peer.ok(await peer.call(), sent(1))
    await until(stream, 'outbox')
    expect(client.outbox).toEqual([])
  })

  it('outlives the program between the receipt and the answer', async () => {
    const [client, first] = await table.connected({ state: folder(table.dir) })
    const cids: string[] = []
    for (const text of ['1', '2', '3']) cids.push((await client.queue(say(text))).cid)
    // What a kill leaves behind at this moment: everything that was promised, and a torn line.
    const copy = join(table.dir, 'copy')
    await cp(join(table.dir, 'outbox.jsonl'), join(copy, 'outbox.jsonl'))
    await writeFile(join(copy, 'outbox.jsonl'), '{"queued":{"ci', { flag: 'a' })
    expect((await first.call()).cid).toBe(cids[0])
    const [, peer] = await table.connected({ state: folder(copy) })
    for (const [at, text] of ['1', '2', '3'].entries()) {
      const call = await peer.call()
      expect([textOf(call), call.cid, call.prev]).toEqual([text, cids[at], cids[at - 1]])
    }
  })

  it('sends what was written offline once and in order', async () => {
    const offline = await table.open({ url: 'http://127.0.0.1:1', state: folder(table.dir) })
    await Promise.all(Array.from({ length: 50 }, (_, at) => offline.queue(say(String(at)))))
    expect(offline.outbox).toHaveLength(50)
    await offline.close()
    const [client, peer, stream] = await table.connected({ state: folder(table.dir) })
    const texts: string[] = []
    let prev: string | undefined
    while (texts.length < 50) {
      const call = await peer.call()
      if (call.prev !== undefined) expect(call.prev).toBe(prev)
      prev = call.cid
      texts.push(textOf(call))
      peer.ok(call, sent(texts.length))
    }
    expect(texts).toEqual(Array.from({ length: 50 }, (_, at) => String(at)))
    while (client.outbox.length > 0) await until(stream, 'outbox')
    await client.close()
    const [, last] = await table.connected({ state: folder(table.dir) })
    last.drop()
    expect(await last.tryCall()).toBeUndefined()
  })

  it('is bounded', async () => {
    const client = await table.open({ url: 'http://127.0.0.1:1' })
    for (let count = 0; count < OUTBOX_LENGTH_MAX; count += 1) await client.queue(say('x'))
    await expect(client.queue(say('one more'))).rejects.toMatchObject({ code: 'E_OUTBOX_FULL' })
  })

  it('keeps the last refused messages only', async () => {
    const [client, peer] = await table.connected()
    for (let count = 0; count < 102; count += 1) {
      const { sent: answer } = await client.queue(say(String(count)))
      peer.err(await peer.call(), 'E_MUTED')
      await answer.catch(() => {})
    }
    expect(client.outbox.map(({ message }) => wordsOf(message))[0]).toBe('2')
    expect(client.outbox).toHaveLength(100)
  })

  it('belongs to one person: nothing leaves it under another name', async () => {
    const [client, own] = await table.connected({ state: folder(table.dir) })
    await client.queue(say('of one person'))
    expect(textOf(await own.call())).toBe('of one person')
    await client.close()
    const stranger = Client.connect({ ...table.server.options, state: folder(table.dir) })
    const peer = await table.server.accept()
    await peer.greet({ user: YOU })
    await expect(stranger).rejects.toMatchObject({ code: 'E_STORAGE' })
    expect(await peer.tryCall()).toBeUndefined()
  })

  it('is not sent by a client whose token became another person’s', async () => {
    const [client, first, stream] = await table.connected()
    await inState(stream, 'online')
    first.drop()
    await inState(stream, 'offline')
    await client.queue(say('of one person'))
    const second = await table.server.accept()
    await second.greet({ user: YOU })
    const { connection } = await inState(stream, 'ended')
    expect(connection).toMatchObject({ error: { code: 'E_STORAGE' } })
    expect(await second.tryCall()).toBeUndefined()
    expect(client.me).toBe(ME)
  })

  it('gives up a message of an earlier run that is too large, and sends the one after it', async () => {
    const [long, short] = [newId(), newId()]
    const line = (cid: string, text: string) =>
      `${JSON.stringify({ queued: { cid, conv: CONV, message: say(text), queuedAt: 0 } })}\n`
    await writeFile(
      join(table.dir, 'outbox.jsonl'),
      line(long, 'x'.repeat(70_000)) + line(short, 'short'),
    )
    const [client, peer, stream] = await table.connected({ state: folder(table.dir) })
    expect(await until(stream, 'refused')).toMatchObject({
      cid: long,
      error: { code: 'E_TOO_LARGE' },
    })
    const call = await peer.call()
    expect([call.cid, textOf(call)]).toEqual([short, 'short'])
    await client.discard(long)
    expect(await lines()).toContain(JSON.stringify({ gone: long }))
  })
})

describe('a reply', () => {
  async function replied(peer: Peer, client: Client) {
    const answer = client.reply(event(5), 'echo')
    return { answer, call: await peer.call() }
  }

  it('is the same message however often it is given', async () => {
    const [client, peer] = await table.connected()
    const known = client.call('session.whoami', {})
    peer.ok(await peer.call(), {})
    await known
    const first = await replied(peer, client)
    const again = client.reply(event(5), 'echo')
    expect(first.call.args).toMatchObject({ conv: CONV, reply_to: 5 })
    peer.ok(first.call, sent(6))
    expect(await first.answer).toEqual(sent(6))
    expect(await again).toEqual(sent(6))
    const later = await replied(peer, client)
    expect(later.call.cid).toBe(first.call.cid)
    peer.ok(later.call, { ...sent(6), dup: true })
    expect(await later.answer).toMatchObject({ dup: true })
  })

  it('goes to a conversation', async () => {
    const [client] = await table.connected()
    const answer = client.reply({ ...event(5), topic: `u:${id(1)}` }, 'echo')
    await expect(answer).rejects.toMatchObject({ code: 'E_BAD_ARG', field: 'to' })
  })
})
