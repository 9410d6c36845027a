/** Calls on their way. */

import { describe, expect, it } from 'vitest'
import { CALLS_MAX, type Call, Calls, type To } from '../src/calls.ts'
import type { Effect } from '../src/protocol.ts'
import { LIMITS } from '../src/protocol.ts'
import { TOPIC, welcome } from './kit.ts'

function call(effect: Effect, to: To = { who: 'gap', topic: TOPIC }, op = 'test.op'): Call {
  return { op, effect, args: '{}', to, attempts: 0 }
}

/** Everything that travels now. */
function frames(calls: Calls, now = 0): string[] {
  const next = calls.next(now)
  if (!next) return []
  if (!('frame' in next)) throw new Error('the call is too large')
  return [next.frame, ...frames(calls, now)]
}

function caller(): To & { who: 'caller' } {
  return { who: 'caller', resolve: () => {}, reject: () => {} }
}

describe('calls', () => {
  it('travel at most sixteen at once', () => {
    const calls = new Calls()
    for (let count = 0; count < 20; count += 1) calls.add(call('read'))
    expect(frames(calls)).toHaveLength(LIMITS.CALLS_IN_FLIGHT_MAX)
    expect(calls.answered(1)).toBeDefined()
    expect(calls.answered(1), 'the second answer has no call').toBeUndefined()
    expect(frames(calls)).toHaveLength(1)
  })

  it('keep below the announced rate of writes, which does not hold up reads', () => {
    const calls = new Calls()
    calls.online({ ...welcome().limits, writes_per_s: 2, reads_per_s: 100 }, 0)
    for (let count = 0; count < 6; count += 1) calls.add(call('state'))
    calls.add(call('read'))
    expect(frames(calls)).toHaveLength(5)
    expect(calls.due(0)).toBe(500)
    expect(frames(calls, 499)).toEqual([])
    expect(frames(calls, 500)).toHaveLength(1)
  })

  it('are sent again in their order after a lost connection', () => {
    const calls = new Calls()
    for (let count = 0; count < 3; count += 1) calls.add(call('read'))
    const first = frames(calls)
    expect(first).toHaveLength(3)
    expect(calls.offline()).toEqual([])
    expect(frames(calls)).toEqual(first)
  })

  it('are given back after a lost connection if they make a token each time', () => {
    const calls = new Calls()
    calls.add(call('state', undefined, 'session.token'))
    expect(calls.offline(), 'it has not been sent yet').toEqual([])
    expect(frames(calls)).toHaveLength(1)
    expect(calls.offline().map(({ op }) => op)).toEqual(['session.token'])
    expect(frames(calls)).toEqual([])
  })

  it('of the outbox are left to the outbox after a lost connection', () => {
    const calls = new Calls()
    calls.add(call('once', { who: 'outbox', cid: 'x' }))
    calls.offline()
    expect(frames(calls)).toEqual([])
  })

  it('wait as long as the server says', () => {
    const calls = new Calls()
    calls.add(call('read'))
    frames(calls)
    const busy = calls.answered(1)
    if (busy) calls.again(busy, 700)
    expect([frames(calls, 699), calls.due(0), busy?.attempts]).toEqual([[], 700, 1])
    expect(frames(calls, 700)).toHaveLength(1)
  })

  it('are bounded, and a program that gives up makes room', () => {
    const calls = new Calls()
    const asked = { op: 'test.op', effect: 'read' as const, args: '{}' }
    const giveUps = Array.from({ length: CALLS_MAX }, () => calls.ask(asked, caller()))
    expect(() => calls.ask(asked, caller())).toThrow('wait for some of them')
    giveUps[3]?.()
    calls.ask(asked, caller())
    expect(frames(calls)).toHaveLength(LIMITS.CALLS_IN_FLIGHT_MAX)
    giveUps[0]?.()
    expect(() => calls.ask(asked, caller()), 'the server still works on it').toThrow()
  })

  it('that are too large for the server are given back', () => {
    const calls = new Calls()
    calls.add({ ...call('once'), args: JSON.stringify('x'.repeat(LIMITS.FRAME_LEN_MAX)) })
    calls.add({ ...call('once'), args: JSON.stringify('\u6e2f'.repeat(22_000)) })
    calls.add({ ...call('once'), args: JSON.stringify('\u6e2f'.repeat(21_000)) })
    const error = { error: { code: 'E_TOO_LARGE' } }
    expect([calls.next(0), calls.next(0)]).toMatchObject([error, error])
    expect(frames(calls)).toHaveLength(1)
  })
})
