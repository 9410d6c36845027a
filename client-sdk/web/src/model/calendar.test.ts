import { describe, expect, test } from 'vitest'
import { Calendar } from './calendar.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Sunday, 22 November 2026, 14:05 in Hong Kong. */
const NOW = Date.UTC(2026, 10, 22, 6, 5)

describe('times in a list', () => {
  test.each([
    ['en', ['14:05', 'Yesterday', 'Fri', '15/11', '22/11/2025']],
    ['zh-HK', ['14:05', '昨日', '週五', '15/11', '22/11/2025']],
    ['zh-CN', ['14:05', '昨天', '周五', '11/15', '2025/11/22']],
  ])('in %s', (language, words) => {
    const calendar = new Calendar(language, 'Asia/Hong_Kong')
    const times = [NOW, NOW - DAY, NOW - 2 * DAY, NOW - 7 * DAY, NOW - 365 * DAY]
    expect(times.map(at => calendar.short(at, NOW))).toEqual(words)
  })
})

describe('days', () => {
  const hongKong = new Calendar('en', 'Asia/Hong_Kong')

  test('are those of the person, not of the machine', () => {
    const midnight = Date.UTC(2026, 10, 21, 16)
    expect(hongKong.dayOf(midnight) - hongKong.dayOf(midnight - 1)).toBe(1)
    const london = new Calendar('en', 'Europe/London')
    expect(london.dayOf(midnight)).toBe(london.dayOf(midnight - 1))
    const nepal = new Calendar('en', 'Asia/Kathmandu')
    const there = Date.UTC(2026, 10, 21, 18, 15)
    expect(nepal.dayOf(there) - nepal.dayOf(there - 1)).toBe(1)
  })

  test('have a name', () => {
    expect(hongKong.day(NOW, NOW)).toBe('Today')
    expect(hongKong.day(NOW - DAY, NOW)).toBe('Yesterday')
    expect(hongKong.day(NOW - 3 * DAY, NOW)).toBe('Thursday, 19 November 2026')
    expect(hongKong.day(NOW + DAY, NOW)).toBe('Monday, 23 November 2026')
  })

  test('end at midnight', () => {
    expect(hongKong.untilTomorrow(NOW)).toBe(9 * HOUR + 55 * 60_000)
  })

  test('stay days in a time zone that the browser does not know', () => {
    expect(new Calendar('en', 'Mars/Olympus').time(NOW)).toMatch(/^\d\d:\d\d$/)
  })
})
