import type { ConvId } from '@carillon/client'
import { expect, test, vi } from 'vitest'
import { type Conversation, summarised } from './conversation.ts'
import { moved, sorted } from './order.ts'
import { NINE, PlayedServer, randomly } from './server.test.kit.ts'

const SAMPLE = summarised(new PlayedServer().summary(), undefined)

function conversation(id: ConvId, at: number): Conversation {
  const last = { ...new PlayedServer().say('hello'), at }
  return { ...SAMPLE, id, last }
}

/** So many, each with a moment of its own or another's. */
function many(count: number) {
  const ids = Array.from({ length: count }, (_, index) => `conv-${index}`)
  return new Map(ids.map((id, index) => [id, conversation(id, NINE + (index % 700))]))
}

test('the order after each change is that of a list that is sorted anew', () => {
  const random = randomly(7)
  const byId = many(50)
  let order: readonly ConvId[] = sorted(byId)
  for (let step = 0; step < 400; step++) {
    const id = `conv-${random(60)}`
    if (random(4) === 0) byId.delete(id)
    else byId.set(id, conversation(id, NINE + random(40)))
    order = moved(order, byId, id)
    expect(order).toEqual(sorted(byId))
  }
})

test('an event looks at a few of 2,000 conversations, and at its neighbours if all stays', () => {
  const byId = many(2_000)
  const order = sorted(byId)
  const [first = '', second = ''] = order
  const looked = vi.spyOn(byId, 'get')
  for (const id of [first, second, order.at(-1) ?? '']) {
    byId.set(id, { ...(byId.get(id) ?? SAMPLE), readSeq: 2 })
    looked.mockClear()
    expect(moved(order, byId, id)).toBe(order)
    expect(looked.mock.calls.length).toBeLessThanOrEqual(3)
  }
  const last = order.at(-1) ?? ''
  byId.set(last, conversation(last, NINE + 20_000))
  looked.mockClear()
  expect(moved(order, byId, last).slice(0, 2)).toEqual([last, first])
  expect(looked.mock.calls.length).toBeLessThanOrEqual(3 + Math.ceil(Math.log2(2_000)))
})
