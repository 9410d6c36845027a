import type { RoomParticipant } from '@carillon/client'
import { expect, test } from 'vitest'
import type { Happening } from './happenings.ts'
import { linesOf } from './lines.ts'

function person(name: string, more: Partial<RoomParticipant> = {}): RoomParticipant {
  return { participant: name, user: `u${name}`, role: 'member', joined_at: 0, ...more }
}

test('many who come at once are one line, and one is told by name', () => {
  const joined = (name: string): Happening => ({ kind: 'joined', participant: person(name) })
  expect(linesOf([joined('a')], 'me')).toMatchObject([
    { kind: 'came', count: 1, who: { user: 'ua' } },
  ])
  const many = Array.from({ length: 49 }, (_, at) => joined(`p${at}`))
  expect(linesOf(many, 'me')).toEqual([{ kind: 'came', count: 49, who: undefined }])
})

test('a round of applause is one line, and whoever claps twice is one person', () => {
  const claps = ['a', 'b', 'a'].map(
    (participant): Happening => ({ kind: 'reaction', participant, emoji: '👏' }),
  )
  expect(linesOf(claps, 'me')).toEqual([{ kind: 'reacted', emoji: '👏', people: ['a', 'b'] }])
})

test('nobody is told of themselves, of who waits, or of who is there with another device', () => {
  const happened: Happening[] = [
    { kind: 'joined', participant: person('me') },
    { kind: 'joined', participant: person('a', { waiting: true }) },
    { kind: 'left', participant: person('b'), stillThere: true },
  ]
  expect(linesOf(happened, 'me')).toEqual([])
})
