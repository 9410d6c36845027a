import { describe, expect, test } from 'vitest'
import { Calendar } from './calendar.ts'
import type { Pending } from './pending.ts'
import { type Row, rowsOf, type View } from './rows.ts'
import { BOB, CONV, ME, NINE, PlayedServer, randomly } from './server.test.kit.ts'
import { newest, type Stretch } from './stretch.ts'

const calendar = new Calendar('en', 'Asia/Hong_Kong')
const VIEW: View = { me: ME, pending: [], newAfter: undefined, dayOf: calendar.dayOf }
const DAY_MS = 86_400_000

function all(server: PlayedServer): Stretch {
  return newest({ events: server.log, head: server.head, floor: 1, more: false })
}

function shape(rows: readonly Row[]): string[] {
  return rows.map(row => {
    if (row.kind !== 'message') return row.kind
    return `${row.message.text}${row.first ? ' (first)' : ''}`
  })
}

describe('rows', () => {
  test('stand together when one person says them soon after each other', () => {
    const server = new PlayedServer()
    server.say('one')
    server.say('two')
    server.say('mine', { by: ME })
    server.say('late', { by: ME, at: NINE + 3_600_000 })
    server.say('tomorrow', { by: ME, at: NINE + DAY_MS })
    expect(shape(rowsOf(all(server), VIEW))).toEqual([
      'day',
      'change',
      'one (first)',
      'two',
      'mine (first)',
      'late (first)',
      'day',
      'tomorrow (first)',
    ])
  })

  test('do not change when what was before them is read', () => {
    const random = randomly(3)
    const server = new PlayedServer()
    let at = NINE
    for (let number = 0; number < 300; number++) {
      at += random(20) * 60_000 * (random(10) === 0 ? 60 : 1)
      const by = [ME, BOB, '01ARZ3NDEKTSV4RRFFQ69G5FA2'][random(3)] ?? ME
      const what = random(12)
      if (what === 0) server.append('conv.updated', { title: `${number}` }, { at, by })
      else if (what === 1) server.append('a.kind.of.later', {}, { at, by })
      else server.say(`message ${number}`, { at, by })
    }
    const view = { ...VIEW, newAfter: 200 }
    const whole = rowsOf(all(server), view)
    for (let from = 2; from < 200; from += 7) {
      const events = server.log.slice(from - 1)
      const part = rowsOf({ ...all(server), events, from, atStart: false }, view)
      expect(part).toEqual(whole.slice(whole.length - part.length))
    }
  })

  test('mark what is new, but only where it begins', () => {
    const server = new PlayedServer()
    server.say('read')
    const read = server.say('mine', { by: ME })
    server.say('mine too', { by: ME })
    server.say('new')
    const view = { ...VIEW, newAfter: read.seq }
    expect(shape(rowsOf(all(server), view)).slice(-2)).toEqual(['new', 'new (first)'])
    const later = { ...all(server), events: server.log.slice(4), from: 5, atStart: false }
    expect(shape(rowsOf(later, view))).not.toContain('new')
  })
})

describe('rows of messages', () => {
  test('of an own message stay the same when the log has it', () => {
    const server = new PlayedServer()
    const pending: Pending = {
      cid: '01CID',
      conv: CONV,
      text: 'hello',
      mentions: [],
      everybody: false,
      replyTo: undefined,
      at: NINE,
      refused: undefined,
      landing: false,
    }
    const view = { ...VIEW, pending: [pending] }
    const before = rowsOf(all(server), view)
    server.say('hello', { by: ME, cid: '01CID' })
    const after = rowsOf(all(server), view)
    expect(after.map(row => row.key)).toEqual(before.map(row => row.key))
    expect(rowsOf({ ...all(server), live: false }, view)).toHaveLength(after.length)
  })

  test('of others cannot take the place of an own one', () => {
    const server = new PlayedServer()
    server.say('mine', { by: ME, cid: '01CID' })
    server.say('false', { cid: '01CID' })
    const keys = rowsOf(all(server), VIEW).map(row => row.key)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('show a message of a kind that is not known, and what it says of itself', () => {
    const server = new PlayedServer()
    server.append('msg.sent', { kind: 'card', alt: 'A form' })
    server.append('msg.sent', { kind: 'hologram' })
    const texts = rowsOf(all(server), VIEW).map(row => row.kind === 'message' && row.message.text)
    expect(texts.slice(-2)).toEqual(['A form', undefined])
  })
})
