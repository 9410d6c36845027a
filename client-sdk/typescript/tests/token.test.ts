/** Tokens and tickets, and what happens when the server does not take them. */

import { describe, expect, it } from 'vitest'
import { CarillonError, Client, folder } from '../src/node.ts'
import { CLOSE_CODES } from '../src/protocol.ts'
import { error, inState, ME, Table, until, YOU } from './kit.ts'

const table = Table.lay()

describe('a token', () => {
  it('is asked for before each connection', async () => {
    let tickets = 0
    await table.open({ token: async () => `ticket ${++tickets}` })
    for (const token of ['ticket 1', 'ticket 2']) {
      const peer = await table.server.accept()
      expect((await peer.hello()).token).toBe(token)
      peer.drop()
    }
  })

  it('that is refused is asked for once more, at each time that the client was in step', async () => {
    let tickets = 0
    const token = async () => `ticket ${++tickets}`
    const [, first, stream] = await table.inStep({ token })
    first.bye(CLOSE_CODES.revoked)
    const second = await table.server.accept()
    await second.greet()
    second.synced('s2')
    await until(stream, 'synced')
    second.bye(CLOSE_CODES.badToken)
    const third = await table.server.accept()
    expect((await third.hello()).token).toBe('ticket 3')
    third.bye(CLOSE_CODES.badToken)
    const { connection } = await inState(stream, 'ended')
    expect(connection).toMatchObject({ error: { retry: 'reauth', close: CLOSE_CODES.badToken } })
  })

  it('that is refused twice ends the client', async () => {
    let tickets = 0
    const token = async () => `ticket ${++tickets}`
    const client = await table.open({ token })
    const stream = client.events()
    for (const code of ['E_UNAUTH', 'E_TOKEN_EXPIRED'] as const) {
      const peer = await table.server.accept()
      await peer.hello()
      peer.send({ t: 'err', ...error(code) })
    }
    const { connection } = await inState(stream, 'ended')
    expect(connection).toMatchObject({ error: { code: 'E_TOKEN_EXPIRED', retry: 'reauth' } })
    expect(tickets).toBe(2)
  })

  it('that is a string is shown once', async () => {
    const [, peer, stream] = await table.connected()
    peer.close(CLOSE_CODES.badToken)
    const { connection } = await inState(stream, 'ended')
    expect(connection).toMatchObject({ error: { code: 'E_UNAUTH', retry: 'reauth', close: 4501 } })
  })

  it('of another person than was expected ends the client, which keeps its state', async () => {
    const state = folder(table.dir)
    const stranger = Client.connect({ ...table.server.options, state, user: ME })
    await (await table.server.accept()).greet({ user: YOU })
    await expect(stranger).rejects.toMatchObject({ code: 'E_UNAUTH', retry: 'reauth' })
    const [client] = await table.inStep({ state, user: ME })
    expect(client.me).toBe(ME)
  })

  it('that nobody gets without signing in ends the client', async () => {
    const token = async () => {
      throw new CarillonError(error('E_UNAUTH'))
    }
    const refused = Client.connect({ ...table.server.options, token })
    await expect(refused).rejects.toMatchObject({ code: 'E_UNAUTH', retry: 'reauth' })
  })

  it('that cannot be had now is asked for again', async () => {
    let asked = 0
    const token = async () => {
      asked += 1
      if (asked === 1) throw new TypeError('failed to fetch')
      if (asked === 2) throw new CarillonError({ ...error('E_RATE'), retry_ms: 1 })
      return 'ticket'
    }
    const client = await table.open({ token })
    const stream = client.events()
    const { connection } = await inState(stream, 'offline')
    expect(connection).toMatchObject({ reason: 'failed to fetch' })
    const peer = await table.server.accept()
    expect((await peer.hello()).token).toBe('ticket')
  })
})
