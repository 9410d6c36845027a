import { expect, test } from 'vitest'
import { beginning, dayOf } from './days.ts'

test('a day begins at midnight and ends with the beginning of the next, over months too', () => {
  const last = beginning('2026-12-31', 1)
  expect(dayOf(last)).toBe('2027-01-01')
  expect(dayOf((last ?? 0) - 1)).toBe('2026-12-31')
  expect(dayOf(beginning('2026-11-05'))).toBe('2026-11-05')
  expect(new Date(beginning('2026-11-05') ?? 0).getHours()).toBe(0)
})

test('what is no day is none', () => {
  expect(beginning('')).toBeUndefined()
  expect(dayOf(undefined)).toBe('')
})
