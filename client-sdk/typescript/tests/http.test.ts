/** One call over HTTP, against a server that the test plays. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rpc } from '../src/index.ts'
import { address } from '../src/options.ts'
import { Channel, CONV, error, id, YOU } from './kit.ts'

let server: Server
let url: string
let asked: Channel<[IncomingMessage, ServerResponse]>

beforeEach(async () => {
  asked = new Channel()
  server = createServer((request, response) => asked.give([request, response])).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

/** Answers the next request; gives it back with its body. */
async function answer(status: number, body: string): Promise<IncomingMessage & { said: unknown }> {
  const [request, response] = await asked.take()
  const said: unknown = JSON.parse(await text(request))
  response.writeHead(status).end(body)
  return Object.assign(request, { said })
}

describe('a call over HTTP', () => {
  it('carries the arguments, the token and the intent', async () => {
    const opened = rpc(url, 'conv.open', { user: YOU }, { token: 'cdt_x', cid: id(7) })
    const request = await answer(200, JSON.stringify({ conv: CONV }))
    expect([request.method, request.url, request.said]).toEqual([
      'POST',
      '/chat/v1/rpc/conv.open',
      { user: YOU },
    ])
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer cdt_x',
      'idempotency-key': id(7),
    })
    expect(await opened).toEqual({ conv: CONV })
  })

  it('has an intent only if it takes effect once', async () => {
    const listed = rpc(url, 'session.devices', {})
    const { headers } = await answer(200, '{"devices":[]}')
    expect(headers).not.toHaveProperty('idempotency-key')
    expect(headers).not.toHaveProperty('authorization')
    await listed
    const opened = rpc(url, 'conv.open', { user: YOU })
    expect((await answer(200, '{}')).headers['idempotency-key']).toMatch(/^[0-9A-Z]{26}$/)
    await opened
  })

  it('that is refused has the server’s error', async () => {
    const refused = rpc(url, 'session.login', { login: 'amy', password: 'guess' })
    const checked = expect(refused).rejects.toMatchObject({ code: 'E_UNAUTH', retry: 'reauth' })
    await answer(401, JSON.stringify(error('E_UNAUTH')))
    await checked
  })

  it.each([
    [502, '<html>Bad Gateway</html>'],
    [500, '{"oops":true}'],
    [200, 'not JSON'],
  ])('that something before the server answers with %i says so', async (status, body) => {
    const failed = rpc(url, 'session.methods', {})
    const checked = expect(failed).rejects.toMatchObject({
      code: 'E_UNAVAILABLE',
      retry: 'after',
      message: expect.stringContaining(String(status)),
    })
    await answer(status, body)
    await checked
  })

  it('is given up by a signal', async () => {
    const giveUp = new AbortController()
    const failed = rpc(url, 'session.methods', {}, { signal: giveUp.signal })
    const checked = expect(failed).rejects.toBe('enough')
    await asked.take()
    giveUp.abort('enough')
    await checked
  })

  it('that is cut off is an error that passes', async () => {
    const failed = rpc(url, 'session.methods', {})
    const checked = expect(failed).rejects.toMatchObject({ code: 'E_OFFLINE', retry: 'after' })
    const [, response] = await asked.take()
    response.destroy()
    await checked
  })
})

describe('an address', () => {
  it('leads to the same server, however it is written', () => {
    for (const text of ['https://h:81', 'wss://h:81/', 'https://h:81/v1/ws']) {
      expect(address(text)).toEqual({ http: 'https://h:81', ws: 'wss://h:81/v1/ws' })
    }
    expect(address('http://[::1]/chat/').ws).toBe('ws://[::1]/chat/v1/ws')
  })

  it('that is none is refused', () => {
    for (const text of ['', 'h:8080', 'ftp://h', 'http://']) {
      expect(() => address(text), text).toThrow('expected an address like')
    }
  })
})
