import { describe, expect, test } from 'vitest'
import { Gaze, joined, READ_MS, Reading, spansOf } from './reading.ts'
import { PlayedServer, refused, settled } from './server.test.kit.ts'

describe('what is on the screen', () => {
  test('is read after half a second, and told once', () => {
    const gaze = new Gaze()
    gaze.see(1, 0)
    gaze.see(2, 100)
    expect(gaze.due(200)).toBe(READ_MS - 200)
    expect(gaze.take(READ_MS - 1)).toEqual([])
    expect(gaze.take(READ_MS)).toEqual([1])
    expect(gaze.take(READ_MS + 100)).toEqual([2])
    expect(gaze.due(READ_MS + 100)).toBeUndefined()
  })

  test('is not read by scrolling past it', () => {
    const gaze = new Gaze()
    gaze.see(1, 0)
    gaze.lose(1)
    gaze.see(1, 400)
    expect(gaze.take(600)).toEqual([])
    expect(gaze.take(900)).toEqual([1])
  })

  test('is not read while the person looks at something else', () => {
    const gaze = new Gaze()
    gaze.see(1, 0)
    gaze.look(false, 100)
    gaze.see(2, 200)
    expect(gaze.due(5_000)).toBeUndefined()
    expect(gaze.take(5_000)).toEqual([])
    gaze.look(true, 5_000)
    expect(gaze.take(5_499)).toEqual([])
    expect(gaze.take(5_500)).toEqual([1, 2])
  })

  test('is not read while the person leaves it, and is if it stays', () => {
    const gaze = new Gaze()
    for (const seq of [1, 2, 3]) gaze.see(seq, 0)
    expect(gaze.take(READ_MS)).toEqual([1, 2, 3])
    for (const seq of [4, 5]) gaze.see(seq, 1_000)
    gaze.restart(1_400)
    gaze.lose(5)
    expect(gaze.take(1_500)).toEqual([])
    expect(gaze.due(1_500)).toBe(READ_MS - 100)
    expect(gaze.take(1_900)).toEqual([4])
  })

  test('has the line above what is new only for somebody who looks', () => {
    const gaze = new Gaze()
    gaze.look(false, 0)
    gaze.line(true)
    expect(gaze.atLine).toBe(false)
    gaze.look(true, 100)
    expect(gaze.atLine).toBe(true)
    gaze.line(false)
    expect(gaze.atLine).toBe(false)
  })
})

describe('spans', () => {
  const server = new PlayedServer()
  for (let number = 0; number < 8; number++) server.say('message')
  server.append('a.kind.of.later', {})
  server.say('after it')

  test('part where something was not seen, and not where there is nothing to see', () => {
    expect(spansOf(server.log, new Set([2, 3, 5, 9, 11]))).toEqual([
      { from: 2, seq: 3 },
      { from: 5, seq: 5 },
      { from: 9, seq: 11 },
    ])
  })

  test('that touch are one', () => {
    const spans = [
      { from: 7, seq: 9 },
      { from: 1, seq: 3 },
      { from: 4, seq: 4 },
    ]
    expect(joined(spans)).toEqual([
      { from: 1, seq: 4 },
      { from: 7, seq: 9 },
    ])
  })
})

describe('reading', () => {
  test('leaves a hole where it jumped to the newest', async () => {
    const server = new PlayedServer()
    for (let number = 0; number < 100; number++) server.say('message')
    const reading = new Reading(server.door, 'conv', () => {})
    reading.saw([2, 3, 4], server.log)
    await settled()
    reading.saw([99, 100, 101], server.log)
    await settled()
    expect(server.calls.map(call => call.args)).toEqual([
      { conv: 'conv', from: 2, seq: 4 },
      { conv: 'conv', from: 99, seq: 101 },
    ])
  })

  test('is told in one call for all that was seen while another was on its way', async () => {
    const server = new PlayedServer()
    for (let number = 0; number < 100; number++) server.say('message')
    const reading = new Reading(server.door, 'conv', () => {})
    server.held = true
    reading.saw([10], server.log)
    for (let seq = 11; seq < 40; seq++) reading.saw([seq], server.log)
    expect(server.calls).toHaveLength(1)
    server.held = false
    await server.release()
    expect(server.calls.slice(1)).toEqual([
      { op: 'conv.read', args: { conv: 'conv', from: 11, seq: 39 } },
    ])
  })

  test('is told once', async () => {
    const server = new PlayedServer()
    server.say('message')
    const reading = new Reading(server.door, 'conv', () => {})
    reading.saw([2], server.log)
    reading.saw([2], server.log)
    await settled()
    expect(server.calls).toHaveLength(1)
  })

  test('ends quietly where the person is no longer a member', async () => {
    const server = new PlayedServer()
    server.instead['conv.read'] = () => {
      throw refused('E_NOT_MEMBER')
    }
    let done = 0
    const reading = new Reading(server.door, 'conv', () => done++)
    reading.saw([1], server.log)
    await settled()
    expect([server.calls.length, done]).toEqual([1, 0])
  })
})
