import { expect, test } from 'vitest'
import { spell, spellMinutes } from './spell.ts'
import { countOf, groupOf, mayAnswer, parts, totalOf } from './tally.ts'

const TALLY = {
  queued: 1,
  delivered: 2,
  seen: 3,
  confirmed: 4,
  declined: 1,
  expired: 0,
  recalled: 0,
  withdrawn: 0,
}

test('whoever has not answered waits, however far the alert has come', () => {
  expect(countOf(TALLY, 'waiting')).toBe(6)
  expect(['queued', 'delivered', 'seen'].map(state => groupOf(state as 'seen'))).toEqual([
    'waiting',
    'waiting',
    'waiting',
  ])
})

test('the parts of the bar are all people, and none is empty', () => {
  expect(parts(TALLY)).toEqual([
    { group: 'confirmed', count: 4 },
    { group: 'declined', count: 1 },
    { group: 'waiting', count: 6 },
  ])
  expect(totalOf(TALLY)).toBe(11)
})

test('a late answer can be given, a second one cannot', () => {
  expect(mayAnswer('expired')).toBe(true)
  expect(mayAnswer('confirmed')).toBe(false)
  expect(mayAnswer('recalled')).toBe(false)
})

test.each([
  [45_000, 'en', '45 seconds'],
  [60_000, 'en', '1 minute'],
  [90 * 60_000, 'en', '1 hour 30 minutes'],
  [300_000, 'zh-HK', '5 分鐘'],
  [86_400_000, 'en', '1 day'],
])('%d ms in %s are %s', (ms, language, words) => {
  expect(spell(ms, language)).toBe(words)
})

test('what is left is told in whole minutes, and is never nothing', () => {
  expect(spellMinutes(10, 'en')).toBe('1 minute')
  expect(spellMinutes(241_000, 'en')).toBe('5 minutes')
})
