import type { LogPage } from '@carillon/client'
import { describe, expect, test } from 'vitest'
import { PlayedServer, randomly } from './server.test.kit.ts'
import {
  around,
  ask,
  followed,
  HELD_MAX,
  newer,
  newest,
  older,
  type Stretch,
  trimmed,
} from './stretch.ts'

const server = new PlayedServer()
for (let number = 0; number < 2_000; number++) server.say(`message ${number}`)

function read(window: {
  before?: number | undefined
  after?: number | undefined
  limit?: number | undefined
}): LogPage {
  const { before, after = 0, limit = 50 } = window
  const isBefore = before !== undefined
  const all = server.log.filter(({ seq }) => (isBefore ? seq < before : seq > after))
  const events = isBefore ? all.slice(-limit) : all.slice(0, limit)
  return { events, head: server.head, floor: 1, more: events.length < all.length }
}

function check(stretch: Stretch): void {
  const seqs = stretch.events.map(({ seq }) => seq)
  expect(seqs).toEqual(server.log.slice(stretch.from - 1, stretch.to).map(({ seq }) => seq))
  expect(stretch.atStart).toBe(stretch.from === 1)
  if (stretch.live) expect(stretch.to).toBe(server.head)
  expect(stretch.events.length).toBeLessThanOrEqual(HELD_MAX + 200)
}

describe('a stretch of the log', () => {
  test('has no gap, wherever one scrolls and whatever is said meanwhile', () => {
    const random = randomly(7)
    let stretch = newest(read(ask.newest()))
    for (let step = 0; step < 600; step++) {
      const what = random(6)
      const seq = stretch.from + random(stretch.to - stretch.from + 1)
      if (what === 0) stretch = followed(stretch, server.say(`new ${step}`))
      else if (what === 1 && !stretch.atStart) stretch = older(stretch, read(ask.older(stretch)))
      else if (what === 2) stretch = newer(stretch, read(ask.newer(stretch)))
      else if (what === 3) stretch = trimmed(stretch, seq)
      else if (what === 4 && random(10) === 0) {
        const to = 1 + random(server.head)
        const [before, from] = ask.around(to)
        stretch = around(to, read(before), read(from))
        expect(stretch.events.some(event => event.seq === to)).toBe(true)
      } else if (what === 5 && random(10) === 0) stretch = newest(read(ask.newest()))
      if (what !== 3) stretch = trimmed(stretch, seq)
      check(stretch)
    }
  })

  test('is cut on the side that is away from the eyes', () => {
    let stretch = newest(read(ask.newest()))
    while (stretch.events.length <= HELD_MAX) stretch = older(stretch, read(ask.older(stretch)))
    const above = trimmed(stretch, stretch.from)
    expect([above.from, above.live]).toEqual([stretch.from, false])
    const below = trimmed(stretch, stretch.to)
    expect([below.to, below.live, below.atStart]).toEqual([stretch.to, true, false])
  })

  test('takes nothing that does not follow', () => {
    const stretch = newest(read(ask.newest()))
    server.say('missed')
    expect(followed(stretch, server.say('next'))).toBe(stretch)
    const history = around(500, ...([read({ before: 500 }), read({ after: 499 })] as const))
    expect(history.live).toBe(false)
    expect(followed(history, server.say('far away'))).toBe(history)
  })

  test('goes on from what it followed while an earlier page was on its way', () => {
    const stretch = newest(read(ask.newest()))
    const missed = Array.from({ length: 120 }, (_, number) => server.say(`missed ${number}`))
    const page = read(ask.newer(stretch))
    const ahead = newer(missed.reduce(followed, stretch), page)
    expect(ahead).toMatchObject({ to: server.head, live: true })
    const behind = newer(stretch, page)
    expect(behind).toMatchObject({ to: stretch.to + 100, live: false })
  })

  test('begins where the person may see the log', () => {
    const page = { events: server.log.slice(10, 20), head: 20, floor: 11, more: false }
    expect(newest(page)).toMatchObject({ from: 11, to: 20, atStart: true, live: true })
    const nothing = { events: [], head: 20, floor: 21, more: false }
    expect(newest(nothing)).toMatchObject({ from: 21, to: 20, atStart: true, live: true })
  })
})
