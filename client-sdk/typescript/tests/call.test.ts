/** What is asked over the socket, and how often. */

import { describe, expect, it } from 'vitest'
import { CONV, Table, YOU } from './kit.ts'

const table = Table.lay()

describe('a call', () => {
  it('that makes a token is not asked again when its answer may be lost', async () => {
    const [client, first] = await table.connected()
    const lost = client.call('session.token', {})
    expect((await first.call()).op).toBe('session.token')
    first.drop()
    await expect(lost).rejects.toMatchObject({ code: 'E_TIMEOUT_UNKNOWN', retry: 'no' })
    // Asked while there is no connection, it has not happened yet.
    const waiting = client.call('session.token', {})
    const second = await table.server.accept()
    await second.greet()
    // Refused for now, it did not happen.
    second.err(await second.call(), 'E_BUSY', { retry_ms: 1 })
    second.err(await second.call(), 'E_TIMEOUT_UNKNOWN')
    await expect(waiting).rejects.toMatchObject({ code: 'E_TIMEOUT_UNKNOWN' })
  })

  it('that takes effect once has the same `cid` however often it is asked', async () => {
    const [client, first] = await table.connected()
    const opened = client.call('conv.open', { user: YOU })
    const { cid } = await first.call()
    expect(cid).toMatch(/^[0-9A-Z]{26}$/)
    first.drop()
    const second = await table.server.accept()
    await second.greet()
    const again = await second.call()
    expect(again.cid).toBe(cid)
    second.ok(again, { conv: CONV })
    expect(await opened).toEqual({ conv: CONV })
    void client.call('conv.read', { conv: CONV, seq: 1 }).catch(() => {})
    expect((await second.call()).cid, 'a state needs none').toBeUndefined()
  })

  it('is given up by a signal', async () => {
    const [client, peer] = await table.connected()
    const [sooner, later] = [new AbortController(), new AbortController()]
    await expect(
      client.call('session.whoami', {}, { signal: AbortSignal.abort('before') }),
    ).rejects.toBe('before')
    const asked = client.call('session.whoami', {}, { signal: sooner.signal })
    const call = await peer.call()
    sooner.abort('enough')
    await expect(asked).rejects.toBe('enough')
    peer.ok(call, {})
    const answered = client.call('session.devices', {}, { signal: later.signal })
    peer.ok(await peer.call(), { devices: [] })
    expect(await answered).toEqual({ devices: [] })
    later.abort()
  })

  it('that is larger than a frame is refused, and the client goes on', async () => {
    const [client, peer] = await table.connected()
    const large = client.call('conv.create', { title: 'x'.repeat(70_000), members: [] })
    await expect(large).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
    void client.call('conv.open', { user: YOU }).catch(() => {})
    expect((await peer.call()).op).toBe('conv.open')
  })

  it('is what it was when it was asked', async () => {
    const [client, peer] = await table.connected()
    const args = { conv: CONV, title: 'before' }
    void client.call('conv.update', args).catch(() => {})
    args.title = 'after'
    expect((await peer.call()).args).toEqual({ conv: CONV, title: 'before' })
  })
})
