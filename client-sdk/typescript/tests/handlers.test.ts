/** A program that answers operations of its own. */

import { describe, expect, it, vi } from 'vitest'
import { CarillonError } from '../src/index.ts'
import type { ServerFrame } from '../src/protocol.ts'
import { id, ME, Table, welcome, YOU } from './kit.ts'

const table = Table.lay()

const asked = (number: number, op: string, args: unknown): ServerFrame => {
  return { t: 'call', id: number, op, cid: id(9), args, caller: { user: YOU, org: id(8) } }
}

describe('a program', () => {
  it('says what it answers, and answers it', async () => {
    const today = vi.fn(async (args: unknown) => ({ of: args }))
    const client = await table.open({ handles: { 'app.weather.today': today } })
    const peer = await table.server.accept()
    expect((await peer.hello()).handles).toEqual(['app.weather.today'])
    peer.send({ t: 'welcome', ...welcome() })
    peer.send(asked(3, 'app.weather.today', { place: 'Macau' }))
    expect(await peer.frame()).toEqual({ t: 'ok', re: 3, data: { of: { place: 'Macau' } } })
    const { t: _, ...call } = asked(3, 'app.weather.today', { place: 'Macau' }) as { t: 'call' }
    expect(today).toHaveBeenCalledExactlyOnceWith({ place: 'Macau' }, call)
    expect(client.me).toBe(ME)
  })

  it('refuses with an error of its own, and fails with one that tells nothing', async () => {
    const [, peer] = await table.connected({
      handles: {
        'app.w.refuse': () => {
          const msg = 'no such place'
          throw new CarillonError({ code: 'E_NOT_FOUND', msg, retry: 'no', field: 'place' })
        },
        'app.w.fail': () => {
          throw new Error('secret')
        },
        'app.w.large': () => 'x'.repeat(70_000),
        'app.w.nothing': () => undefined,
      },
    })
    peer.send(asked(1, 'app.w.refuse', {}))
    const refused = { t: 'err', re: 1, code: 'E_NOT_FOUND', msg: 'no such place', retry: 'no' }
    expect(await peer.frame()).toEqual({ ...refused, field: 'place' })
    peer.send(asked(2, 'app.w.fail', {}))
    const failed = { code: 'E_UNAVAILABLE', msg: 'the program failed', retry: 'after' }
    expect(await peer.frame()).toEqual({ t: 'err', re: 2, ...failed })
    peer.send(asked(3, 'app.w.large', {}))
    expect(await peer.frame()).toMatchObject({ t: 'err', re: 3, code: 'E_TOO_LARGE' })
    peer.send(asked(4, 'app.w.nothing', {}))
    expect(await peer.frame()).toEqual({ t: 'ok', re: 4, data: {} })
    peer.send(asked(5, 'toString', {}))
    expect(await peer.frame()).toMatchObject({ t: 'err', re: 5, code: 'E_NOT_FOUND' })
  })

  it('answers nobody on a connection that did not ask', async () => {
    let finish: (value: unknown) => void = () => {}
    const slow = () => new Promise(resolve => (finish = resolve))
    const [client, first] = await table.connected({ handles: { 'app.w.slow': slow } })
    first.send(asked(1, 'app.w.slow', {}))
    await vi.waitFor(() => expect(finish.length).toBe(1))
    first.drop()
    const second = await table.server.accept()
    await second.greet()
    finish({})
    void client.call('session.whoami', {}).catch(() => {})
    expect(await second.frame()).toMatchObject({ t: 'call', op: 'session.whoami' })
  })
})
