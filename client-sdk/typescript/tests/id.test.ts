/** Ids. */

import { describe, expect, it, vi } from 'vitest'
import { newId, replyCid } from '../src/id.ts'

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

describe('a new id', () => {
  it('sorts after every id before it, also when the clock goes back', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const ids: string[] = []
    for (const now of [5_000, 5_000, 5_001, 4_000, 5_002]) {
      vi.setSystemTime(now + 1_800_000_000_000)
      for (let count = 0; count < 100; count += 1) ids.push(newId())
    }
    vi.useRealTimers()
    expect(ids.every(id => ULID.test(id))).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...ids].sort()).toEqual(ids)
  })

  it('begins with the time', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(1_900_000_000_000)
    expect(newId().slice(0, 10)).toBe('01Q9GD6E00')
    vi.useRealTimers()
  })
})

describe('the cid of a reply', () => {
  const [message, other] = ['01K6A1V6F0EVENTXEVENTXEVE4', '01K6A1V6F0EVENTXEVENTXEVE5']
  const [amy, bob] = ['01K5ZJ3V0GAMYAMYAMYAMYAMY1', '01K5ZJ3V0HB0BB0BB0BB0BB0B2']

  it('is one for each message and author', () => {
    const cids = [replyCid(message, amy), replyCid(other, amy), replyCid(message, bob)]
    expect(new Set(cids).size).toBe(3)
    expect(cids.every(cid => ULID.test(cid))).toBe(true)
    expect(replyCid(message, amy)).toBe(cids[0])
  })

  it('is what the Rust client calculates', () => {
    expect(replyCid(message, amy)).toBe('01K6A1V6F0GHTBG9GTENTXEVE4')
  })
})
