import { describe, expect, test } from 'vitest'
import { Waiting } from './pending.ts'
import { CONV, NINE } from './server.test.kit.ts'

const REFUSED = { code: 'E_FORBIDDEN', msg: 'no', retry: 'no' } as const

function queued(cid: string, refused?: typeof REFUSED) {
  const message = { conv: CONV, body: { kind: 'text' as const, text: cid } }
  return { cid, conv: CONV, message, queuedAt: NINE, ...(refused ? { refused } : {}) }
}

const shown = (waiting: Waiting) =>
  waiting.all.map(({ cid, landing }) => cid + (landing ? '*' : ''))

describe('a message on its way', () => {
  test('is shown until its event is there, if the answer comes first', () => {
    const waiting = new Waiting()
    waiting.outbox([queued('a'), queued('b')])
    waiting.outbox([queued('b')])
    expect(shown(waiting)).toEqual(['a*', 'b'])
    waiting.landed('a')
    expect(shown(waiting)).toEqual(['b'])
  })

  test('is shown no longer than its event, if that comes first', () => {
    const waiting = new Waiting()
    waiting.outbox([queued('a')])
    waiting.landed('a')
    expect(shown(waiting)).toEqual([])
    waiting.outbox([])
    expect(shown(waiting)).toEqual([])
  })

  test('that was refused stays, and is gone when it is discarded', () => {
    const waiting = new Waiting()
    waiting.outbox([queued('a', REFUSED)])
    expect(waiting.all[0]?.refused).toBe(REFUSED)
    waiting.outbox([])
    expect(shown(waiting)).toEqual([])
  })

  test('is the same object while nothing about it changes', () => {
    const waiting = new Waiting()
    waiting.outbox([queued('a')])
    const [before] = waiting.all
    waiting.outbox([queued('a'), queued('b')])
    expect(waiting.all[0]).toBe(before)
  })

  test('of an earlier run is not waited for', () => {
    const waiting = new Waiting()
    waiting.outbox([queued('a')])
    waiting.outbox([])
    waiting.allLanded()
    expect(shown(waiting)).toEqual([])
  })
})
