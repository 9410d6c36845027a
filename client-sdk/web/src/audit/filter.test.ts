import { expect, test } from 'vitest'
import { Calendar } from '../model/calendar.ts'
import { argsOf, filterIn, startOf } from './filter.ts'

const HONG_KONG = new Calendar('en', 'Asia/Hong_Kong')
const HOUR_MS = 3_600_000

test('a day begins where the person is', () => {
  expect(startOf('2026-11-22', HONG_KONG)).toBe(Date.parse('2026-11-22T00:00+08:00'))
  for (const [tz, offset] of [
    ['Pacific/Kiritimati', '+14:00'],
    ['Asia/Kathmandu', '+05:45'],
    ['Pacific/Pago_Pago', '-11:00'],
  ]) {
    const day = startOf('2026-11-22', new Calendar('en', `${tz}`))
    expect(day, tz).toBe(Date.parse(`2026-11-22T00:00${offset}`))
  }
})

test('a day on which the clocks change is as long as it is', () => {
  const london = new Calendar('en', 'Europe/London')
  const length = (day: string) => startOf(day, london, 1) - startOf(day, london)
  expect(length('2026-03-29')).toBe(23 * HOUR_MS)
  expect(length('2026-10-25')).toBe(25 * HOUR_MS)
  expect(length('2026-12-31')).toBe(24 * HOUR_MS)
})

test('an address asks for rows, as far as it makes sense', () => {
  const who = '01J0000000000000000000000A'
  const asked = (text: string) => argsOf(filterIn(new URLSearchParams(text)), HONG_KONG)
  expect(asked(`who=${who}&kind=bot.&from=2026-11-22&to=2026-11-22`)).toEqual({
    actor: who,
    op: 'bot.',
    since: Date.parse('2026-11-22T00:00+08:00'),
    until: Date.parse('2026-11-23T00:00+08:00'),
  })
  expect(asked('who=amy&kind=toString&from=2026-13-45&to=yesterday')).toEqual({})
})
