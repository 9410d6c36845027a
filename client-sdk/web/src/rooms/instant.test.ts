import { expect, test } from 'vitest'
import { instantOf, wallOf } from './instant.ts'

test('a time on the wall is a moment, wherever the browser stands', () => {
  const hongKong = instantOf('2026-11-23', '09:30', 'Asia/Hong_Kong')
  expect(hongKong).toBe(Date.parse('2026-11-23T01:30:00Z'))
  expect(wallOf(hongKong ?? 0, 'Asia/Hong_Kong')).toEqual({ date: '2026-11-23', time: '09:30' })
  expect(instantOf('2026-07-01', '09:30', 'Europe/London')).toBe(Date.parse('2026-07-01T08:30Z'))
  expect(instantOf('2026-12-01', '09:30', 'Europe/London')).toBe(Date.parse('2026-12-01T09:30Z'))
})

test('a morning after the clocks were changed is that morning', () => {
  expect(instantOf('2026-03-29', '03:00', 'Europe/London')).toBe(Date.parse('2026-03-29T02:00Z'))
  expect(instantOf('2026-10-25', '09:00', 'Europe/London')).toBe(Date.parse('2026-10-25T09:00Z'))
})

test('what is not filled in is no moment', () => {
  expect(instantOf('', '09:30', 'Asia/Hong_Kong')).toBeUndefined()
  expect(instantOf('2026-11-23', '', 'Asia/Hong_Kong')).toBeUndefined()
})
