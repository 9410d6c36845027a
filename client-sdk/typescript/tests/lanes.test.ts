/** Messages on their way, against a server that loses, refuses and delays. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IN_FLIGHT_MAX, Lanes, PREV_MISSING_MAX, PREV_MISSING_MS } from '../src/lanes.ts'
import type { Cid } from '../src/protocol.ts'
import type { Queued } from '../src/state.ts'
import { id, say } from './kit.ts'

function queued(cid: number, conv: number): Queued {
  const message = say(String(cid), id(conv))
  return { cid: id(cid), conv: id(conv), message, queuedAt: 0 }
}

function lanes(...messages: [cid: number, conv: number][]): Lanes {
  const lanes = new Lanes()
  lanes.take(messages.map(([cid, conv]) => queued(cid, conv)))
  return lanes
}

/** The `cid` of the next message and of the one that it names. */
function next(lanes: Lanes, now = 0): [Cid, Cid | undefined] | undefined {
  const out = lanes.next(now)
  return out && [out.cid, out.prev]
}

function all(lanes: Lanes): [Cid, Cid | undefined][] {
  const out = next(lanes)
  return out ? [out, ...all(lanes)] : []
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at)
}

describe('the lanes of the outbox', () => {
  it('let each message name the one before it', () => {
    const queue = lanes([1, 9], [2, 9])
    expect(next(queue)).toEqual([id(1), undefined])
    expect(next(queue)).toEqual([id(2), id(1)])
    expect(next(queue)).toBeUndefined()
  })

  it('take no message twice', () => {
    const queue = lanes([1, 9])
    queue.take([queued(1, 9), queued(2, 9)])
    expect(all(queue)).toEqual([
      [id(1), undefined],
      [id(2), id(1)],
    ])
  })

  it('hold up one conversation and no other while a message waits', () => {
    const queue = lanes([1, 8], [2, 8], [3, 9])
    expect(next(queue)).toEqual([id(1), undefined])
    queue.again(id(1), 100)
    expect(next(queue, 99)).toEqual([id(3), undefined])
    expect([next(queue, 99), queue.due(99)]).toEqual([undefined, 100])
    expect(next(queue, 100)).toEqual([id(1), undefined])
  })

  it('send few messages at once', () => {
    const queue = lanes(...numbers(1, 99).map((cid): [number, number] => [cid, 9]))
    expect(all(queue)).toHaveLength(IN_FLIGHT_MAX)
    queue.answered(id(1))
    expect(next(queue)).toEqual([id(9), id(8)])
  })

  it('take turns', () => {
    const long = numbers(1, 100).map((cid): [number, number] => [cid, 8])
    const first = all(lanes(...long, [101, 7], [102, 9])).slice(0, 4)
    expect(first.map(([cid]) => cid).sort()).toEqual([id(1), id(2), id(101), id(102)])
  })

  it('do not ask a server in a tight loop that keeps missing the message before', () => {
    const queue = lanes([1, 9])
    for (let tries = 0; tries <= PREV_MISSING_MAX; tries += 1) {
      expect(next(queue)).toBeDefined()
      queue.prevMissing(id(1), 0)
    }
    expect([next(queue), queue.due(0)]).toEqual([undefined, PREV_MISSING_MS])
  })
})

/** What the server does with the next message that arrives; `…AndCut` loses the answer. */
type Fate = 'commit' | 'commitAndCut' | 'cut' | 'refuse' | 'busy'

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('commit') },
  { weight: 1, arbitrary: fc.constant<Fate>('commitAndCut') },
  { weight: 1, arbitrary: fc.constant<Fate>('cut') },
  { weight: 1, arbitrary: fc.constant<Fate>('refuse') },
  { weight: 2, arbitrary: fc.constant<Fate>('busy') },
)

/** A server that keeps the order by `prev`, and does with each message what fate says. */
class Model {
  readonly log: Cid[] = []
  readonly refused: Cid[] = []
  #travelling: { cid: Cid; prev: Cid | undefined }[] = []
  #now = 0
  readonly #lanes: Lanes

  constructor(lanes: Lanes) {
    this.#lanes = lanes
  }

  /** The server answers the oldest: calls on a conversation run in their order. */
  step(fate: Fate): void {
    this.#now += 10
    for (let out = this.#lanes.next(this.#now); out; out = this.#lanes.next(this.#now)) {
      this.#travelling.push(out)
    }
    const out = this.#travelling.shift()
    if (!out) return
    if (fate === 'cut' || (this.#commits(out, fate) && fate === 'commitAndCut')) {
      this.#lanes.offline()
      this.#travelling = []
    }
  }

  /** Whether the message is committed, now or before. */
  #commits({ cid, prev }: { cid: Cid; prev: Cid | undefined }, fate: Fate): boolean {
    if (!this.log.includes(cid)) {
      if (prev !== undefined && !this.log.includes(prev)) {
        this.#lanes.prevMissing(cid, this.#now)
        return false
      }
      if (fate === 'busy') {
        this.#lanes.again(cid, this.#now + 50)
        return false
      }
      if (fate === 'refuse') {
        this.refused.push(cid)
        this.#lanes.answered(cid)
        return false
      }
      this.log.push(cid)
    }
    if (fate !== 'commitAndCut') this.#lanes.answered(cid)
    return true
  }
}

describe('whatever the server does', () => {
  it('each message that is not refused is committed once and in order', () => {
    const convs = fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 60, size: 'max' })
    const property = fc.property(
      convs,
      fc.array(fate, { maxLength: 200, size: 'max' }),
      (convs, fates) => {
        const queue = lanes(...convs.map((conv, at): [number, number] => [at + 1, conv]))
        const model = new Model(queue)
        for (let at = 0; queue.length > 0; at += 1) model.step(fates[at] ?? 'commit')
        expect(queue.inFlight).toBe(0)
        for (const conv of [0, 1, 2]) {
          const own = convs.flatMap((one, at) => (one === conv ? id(at + 1) : []))
          const wanted = own.filter(cid => !model.refused.includes(cid))
          expect(model.log.filter(cid => own.includes(cid))).toEqual(wanted)
        }
      },
    )
    fc.assert(property, { numRuns: 300 })
  })
})
