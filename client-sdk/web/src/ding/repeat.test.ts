import { expect, test } from 'vitest'
import { dayOf, proposed, type Repeat, repeatOf, ruleOf } from './repeat.ts'

const CASES: [Repeat, string][] = [
  [{ every: 'day' }, 'FREQ=DAILY'],
  [{ every: 'workday' }, 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR'],
  [{ every: 'week', on: ['MO'] }, 'FREQ=WEEKLY;BYDAY=MO'],
  [{ every: 'week', on: ['WE', 'SU'] }, 'FREQ=WEEKLY;BYDAY=WE,SU'],
  [{ every: 'month', day: 15 }, 'FREQ=MONTHLY;BYMONTHDAY=15'],
  [{ every: 'month', day: 'last' }, 'FREQ=MONTHLY;BYMONTHDAY=-1'],
]

test.each(CASES)('%j is %s, and is read back', (repeat, rule) => {
  expect(ruleOf(repeat)).toBe(rule)
  expect(repeatOf(rule)).toEqual(repeat)
})

test('what comes once has no rule', () => {
  expect(ruleOf({ every: 'never' })).toBeUndefined()
})

test('days stand in the order of the week, however they were chosen', () => {
  expect(ruleOf({ every: 'week', on: ['SU', 'TU'] })).toBe('FREQ=WEEKLY;BYDAY=TU,SU')
})

test.each(['FREQ=YEARLY', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO', 'FREQ=MONTHLY;BYDAY=1MO', 'nonsense'])(
  '%s says more than the form, and is shown as it is',
  rule => expect(repeatOf(rule)).toBeUndefined(),
)

test('the day of the first one is proposed', () => {
  const first = dayOf('2026-11-23')
  expect(first).toEqual({ weekday: 'MO', day: 23 })
  expect(proposed('week', first)).toEqual({ every: 'week', on: ['MO'] })
  expect(proposed('month', first)).toEqual({ every: 'month', day: 23 })
})

test('a day that some months do not have is their last', () => {
  expect(proposed('month', dayOf('2026-12-31'))).toEqual({ every: 'month', day: 'last' })
})
