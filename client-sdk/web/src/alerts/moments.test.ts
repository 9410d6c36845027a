import { expect, test } from 'vitest'
import { clockOf, minuteOf, nextDay, ofWeek, turnWords, weekdays, withChosen } from './moments.ts'

test('a minute of the day is written as a field for times has it, and read from there', () => {
  for (const minute of [0, 5, 545, 1439]) expect(minuteOf(clockOf(minute))).toBe(minute)
  expect(clockOf(545)).toBe('09:05')
  for (const wrong of ['', '9:05', '24:00', 'soon']) expect(minuteOf(wrong)).toBeUndefined()
})

test('a week begins on Monday and has no end', () => {
  expect(weekdays('en')).toHaveLength(7)
  expect(weekdays('en')[0]).toBe('Monday')
  expect(weekdays('zh-HK')[6]).toBe('星期日')
  expect(nextDay(ofWeek(0, 540))).toBe(ofWeek(1, 540))
  expect(nextDay(ofWeek(6, 540))).toBe(ofWeek(0, 540))
  expect(turnWords('en', ofWeek(4, 1080), ofWeek(0, 540))).toBe('Fri 18:00 – Mon 09:00')
})

test('what is set is offered, also where it is not among what is offered usually', () => {
  expect(withChosen([60, 300], 90)).toEqual([60, 90, 300])
  expect(withChosen([60, 300], 300)).toEqual([60, 300])
})
