/** The heartbeat, its clock in the test's hand. */

import { describe, expect, it } from 'vitest'
import { Heart } from '../src/heart.ts'

const HB = 30_000

describe('the heart', () => {
  it('sends the first ping at a random time within the first interval', () => {
    expect(new Heart(HB, 100, () => 0).due).toBe(100)
    expect(new Heart(HB, 100, () => 0.5).due).toBe(15_100)
    expect(new Heart(HB, 100).due).toBeLessThanOrEqual(HB + 100)
  })

  it('sends a ping each interval as long as something is heard', () => {
    const heart = new Heart(HB, 0, () => 0)
    for (let beat = 0; beat < 10; beat += 1) {
      expect([heart.due, heart.beat(heart.due)]).toEqual([beat * HB, 'ping'])
      heart.heard()
    }
  })

  it('finds a server dead that does not answer a ping within an interval', () => {
    const heart = new Heart(HB, 0, () => 0)
    expect(heart.beat(0)).toBe('ping')
    expect(heart.beat(HB)).toBe('dead')
  })

  it('does not flap in a page in the background, whose timers fire once a minute', () => {
    const heart = new Heart(HB, 0, () => 0)
    for (let minute = 0; minute < 60; minute += 1) {
      expect(heart.beat(minute * 60_000)).toBe('ping')
      // The answer itself is not held back.
      heart.heard()
    }
  })

  it('asks once more when the page was not awake, whatever it has not heard', () => {
    const heart = new Heart(HB, 0, () => 0)
    expect(heart.beat(0)).toBe('ping')
    expect(heart.beat(3_600_000)).toBe('ping')
    heart.heard()
    expect(heart.beat(heart.due)).toBe('ping')
  })

  it('finds a dead server also in the background', () => {
    const heart = new Heart(HB, 0, () => 0)
    expect([0, 60_000, 120_000].map(now => heart.beat(now))).toEqual(['ping', 'ping', 'dead'])
  })

  it('expects an answer sooner when there is reason to doubt', () => {
    const heart = new Heart(HB, 0, () => 1)
    heart.probe(1_000, 5_000)
    expect(heart.due).toBe(6_000)
    expect(heart.beat(6_000)).toBe('dead')
  })

  it('obeys no server that wants to be pinged without pause', () => {
    const heart = new Heart(0, 0, () => 0)
    heart.beat(0)
    expect(heart.due).toBe(100)
  })
})
