import { expect, test } from 'vitest'
import { beginsOn, daysWith, NIGHT, quietWords } from './quiet.ts'

test('quiet hours that name no day begin on every day, and all days are none that is named', () => {
  expect(beginsOn([], 7)).toBe(true)
  expect(beginsOn([1, 2], 7)).toBe(false)
  expect(daysWith([], 3, false)).toEqual([1, 2, 4, 5, 6, 7])
  expect(daysWith([1, 2, 4, 5, 6, 7], 3, true)).toEqual([])
  expect(daysWith([6], 1, true)).toEqual([1, 6])
})

test('quiet hours are told with the days on which they begin, if these are not all', () => {
  expect(quietWords('en', NIGHT)).toBe('22:00 – 08:00')
  expect(quietWords('en', { ...NIGHT, days: [6, 7] })).toBe('Sat and Sun 22:00 – 08:00')
  expect(quietWords('zh-HK', { ...NIGHT, days: [1] })).toBe('週一 22:00 – 08:00')
})
