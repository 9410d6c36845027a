import { expect, test } from 'vitest'
import { cronOf, type Plan, planOf, USUAL } from './cron.ts'

test.each<[string, Partial<Plan>]>([
  ['0 9 * * 1-5', { often: 'weekdays', time: '09:00' }],
  ['30 18 * * *', { often: 'daily', time: '18:30' }],
  ['5 0 * * 3', { often: 'weekly', time: '00:05', weekday: 3 }],
  ['0 8 31 * *', { often: 'monthly', time: '08:00', date: 31 }],
])('%s is a plain choice, there and back', (cron, plan) => {
  expect(planOf(cron)).toMatchObject(plan)
  expect(cronOf(planOf(cron))).toBe(cron)
})

test.each(['*/10 * * * *', '0 9 1 1 *', '0 9 1 * 1', '0 25 * * *', '0 9 * * 1,3', '0 9 0 * *'])(
  '%s stays as somebody wrote it',
  cron => {
    expect(planOf(cron)).toMatchObject({ often: 'own', cron })
    expect(cronOf(planOf(cron))).toBe(cron)
  },
)

test('Sunday has two numbers', () => {
  expect(planOf('0 9 * * 7').weekday).toBe(0)
  expect(cronOf({ ...USUAL, often: 'own', cron: '  0  9 * * 1 ' })).toBe('0 9 * * 1')
})
