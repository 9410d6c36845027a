import type { Event } from '@carillon/client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BOB, ME } from './server.test.kit.ts'
import { Soon, SPREAD_MS, spread } from './soon.ts'

const heard = (k: string, by: string): Event => {
  return { topic: 'o:org', seq: 1, n: 0, k, id: 'id', by, at: 0, data: {} } as Event
}

describe('what an import changes', () => {
  test('is asked for by each at a moment of its own, and by all before long', () => {
    const imported = heard('org.imported', BOB)
    expect(spread(imported, ME, () => 0)).toBe(0)
    expect(spread(imported, ME, () => 0.25)).toBe(SPREAD_MS / 4)
    expect(spread(imported, ME, () => 1)).toBe(SPREAD_MS)
  })

  test('is seen at once by whoever imported, as is everything that is no import', () => {
    expect(spread(heard('org.imported', ME), ME, () => 1)).toBe(0)
    expect(spread(heard('org.member_left', BOB), ME, () => 1)).toBe(0)
  })
})

describe('what is to be done soon', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('is done once, at the earliest moment that was asked for', () => {
    const work = vi.fn()
    const soon = new Soon(work)
    soon.in(3_000)
    soon.in(100)
    soon.in(2_000)
    vi.advanceTimersByTime(99)
    expect(work).not.toHaveBeenCalled()
    vi.advanceTimersByTime(10_000)
    expect(work).toHaveBeenCalledTimes(1)
    soon.in(100)
    vi.advanceTimersByTime(100)
    expect(work).toHaveBeenCalledTimes(2)
  })

  test('is not done by somebody who has gone', () => {
    const work = vi.fn()
    const soon = new Soon(work)
    soon.in(100)
    soon.cancel()
    vi.advanceTimersByTime(1_000)
    expect(work).not.toHaveBeenCalled()
  })
})
