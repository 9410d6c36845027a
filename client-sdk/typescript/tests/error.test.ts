/** What the client does about errors. */

import { describe, expect, it } from 'vitest'
import { backoff, CarillonError, reconnectIn, step } from '../src/error.ts'
import { ERRORS, type ErrorCode } from '../src/protocol.ts'
import { error } from './kit.ts'

function many(draw: () => number): number[] {
  return Array.from({ length: 200 }, draw)
}

describe('a wait', () => {
  it('is anything up to a bound that doubles until thirty seconds', () => {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const bound = Math.min(500 * 2 ** attempt, 30_000)
      const waits = many(() => backoff(attempt))
      expect(Math.max(...waits)).toBeLessThanOrEqual(bound)
      expect(Math.min(...waits)).toBeLessThan(bound / 4)
      expect(Math.max(...waits)).toBeGreaterThan(bound / 2)
    }
  })

  it('does not storm a server that says zero', () => {
    expect(step({ ...error('E_BUSY'), retry_ms: 0 }, 0)).toEqual({ do: 'again', ms: 20 })
    const sum = many(() => reconnectIn(0, 0)).reduce((all, one) => all + one)
    expect(sum).toBeGreaterThan((200 * 500) / 3)
    const later = many(() => reconnectIn(2_000, 0))
    expect(Math.min(...later)).toBeGreaterThanOrEqual(2_000)
    expect(Math.max(...later)).toBeLessThanOrEqual(2_500)
  })
})

describe('an error', () => {
  it("is dealt with as the server's `retry` says", () => {
    const done = {
      no: 'fail',
      reauth: 'fail',
      upgrade: 'fail',
      same: 'again',
      after: 'again',
      resync: 'resync',
    }
    for (const [code, { retry }] of Object.entries(ERRORS)) {
      const next = step({ ...error(code as ErrorCode), retry_ms: 850 }, 0)
      expect(next.do, code).toBe(done[retry])
      if (retry === 'after') expect(next).toEqual({ do: 'again', ms: 850 })
      if (next.do === 'again' && retry === 'same') expect(next.ms).toBeLessThanOrEqual(500)
    }
  })

  it('tells a program everything that the server said', () => {
    const body = {
      ...error('E_MUTED'),
      msg: 'until 3',
      retry_ms: 1,
      field: 'conv',
      ref: 'r',
      data: { until: 3 },
    }
    const thrown = new CarillonError(body)
    expect(thrown).toBeInstanceOf(Error)
    expect(thrown).toMatchObject({ name: 'CarillonError', message: 'until 3', code: 'E_MUTED' })
    expect(thrown).toMatchObject({
      retry: 'no',
      retryMs: 1,
      field: 'conv',
      ref: 'r',
      data: { until: 3 },
    })
  })
})
