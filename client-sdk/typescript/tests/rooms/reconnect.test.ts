/** When the connections of a meeting are mended, and how. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CONNECT_MS, FALTER_MS, RESTART_MS, STEADY_MS, Watch } from '../../src/room/reconnect.ts'

/** Both connections are there, since the beginning of time. */
function up(): Watch {
  const watch = new Watch(() => 1)
  watch.joined(0)
  watch.state('publish', 'connected', 0)
  watch.state('subscribe', 'connected', 0)
  return watch
}

describe('a connection', () => {
  it('that falters for a moment is left alone', () => {
    const watch = up()
    watch.state('publish', 'disconnected', 100)
    expect([watch.whole, watch.due()]).toEqual([true, 100 + FALTER_MS])
    watch.state('publish', 'connected', 1_000)
    expect([watch.tick(100 + FALTER_MS), watch.due()]).toEqual([[], undefined])
  })

  it.each(['publish', 'subscribe'] as const)('to %s that falters for long is restarted', which => {
    const watch = up()
    watch.state(which, 'disconnected', 0)
    expect(watch.tick(FALTER_MS)).toEqual([which])
    expect(watch.whole).toBe(false)
    watch.state(which, 'connected', FALTER_MS + 500)
    expect([watch.whole, watch.due()]).toEqual([true, undefined])
  })

  it('that fails is restarted at once', () => {
    const watch = up()
    watch.state('subscribe', 'failed', 7)
    expect(watch.tick(7)).toEqual(['subscribe'])
  })

  it('that a restart does not help is made anew, with the other one', () => {
    const watch = up()
    watch.state('publish', 'failed', 0)
    watch.tick(0)
    watch.state('publish', 'failed', 1_000)
    expect(watch.tick(RESTART_MS - 1)).toEqual([])
    expect(watch.tick(RESTART_MS)).toEqual(['join'])
    expect([watch.tick(60_000), watch.due(), watch.stuck]).toEqual([[], undefined, true])
  })

  it('that says it is well and brings nothing is restarted, and is well when something comes', () => {
    const watch = up()
    watch.silent('subscribe', 5)
    expect(watch.tick(5)).toEqual(['subscribe'])
    watch.heard('subscribe')
    expect([watch.whole, watch.due()]).toEqual([true, undefined])
  })

  it('that does not come about is made anew after a while, the more seldom the more often', () => {
    const watch = new Watch(() => 1)
    let now = 0
    const waits: number[] = []
    for (let tries = 0; tries < 8; tries += 1) {
      watch.joined(now)
      expect(watch.tick(now + CONNECT_MS - 1)).toEqual([])
      const late = now + CONNECT_MS
      const begun = watch.tick(late)
      now = begun.length > 0 ? late : (watch.due() ?? 0)
      if (begun.length === 0) expect(watch.tick(now)).toEqual(['join'])
      waits.push(now - late)
    }
    expect(waits).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
  })

  it('is not mended while there is no socket, and then at once', () => {
    const watch = up()
    watch.online(false, 0)
    watch.state('publish', 'failed', 0)
    expect([watch.tick(60_000), watch.due()]).toEqual([[], undefined])
    watch.online(true, 60_000)
    expect(watch.tick(60_000)).toEqual(['publish'])
  })

  it('is given its time again when the socket was away during a restart', () => {
    const watch = up()
    watch.state('publish', 'failed', 0)
    watch.tick(0)
    watch.online(false, 100)
    watch.online(true, 50_000)
    expect(watch.tick(50_000 + RESTART_MS - 1)).toEqual([])
    expect(watch.tick(50_000 + RESTART_MS)).toEqual(['join'])
  })
})

describe('joining again', () => {
  it('is done at once when the server does not know the connections', () => {
    const watch = up()
    watch.lost(3)
    watch.lost(4)
    expect(watch.tick(4)).toEqual(['join'])
  })

  it('waits when it was of no use, and no more once the connections were steady', () => {
    const watch = up()
    watch.lost(0)
    watch.tick(0)
    watch.joined(0)
    watch.state('publish', 'connected', 1)
    watch.state('subscribe', 'connected', 1)
    watch.lost(2)
    expect([watch.tick(2), watch.due()]).toEqual([[], 502])
    expect(watch.tick(502)).toEqual(['join'])
    watch.joined(502)
    watch.state('publish', 'connected', 502)
    watch.state('subscribe', 'connected', 502)
    watch.lost(502 + STEADY_MS)
    expect(watch.tick(502 + STEADY_MS)).toEqual(['join'])
  })

  it('is never far off for connections that are not well, whatever they say', () => {
    const states = ['connecting', 'connected', 'disconnected', 'failed'] as const
    const say = fc.record({
      which: fc.constantFrom('publish', 'subscribe'),
      state: fc.constantFrom(...states),
      after: fc.nat(3_000),
    })
    fc.assert(
      fc.property(fc.array(say, { maxLength: 40 }), says => {
        const watch = new Watch(() => 1)
        let now = 0
        let joining = false
        watch.joined(now)
        for (const { which, state, after } of says) {
          now += after
          watch.state(which, state, now)
          joining ||= watch.tick(now).includes('join')
          if (joining) break
        }
        if (joining) return
        // Nothing is lost: what is not well has a time at which it is mended.
        const due = watch.due()
        if (watch.whole && due === undefined) return
        expect(due).toBeLessThanOrEqual(now + CONNECT_MS)
      }),
    )
  })
})
