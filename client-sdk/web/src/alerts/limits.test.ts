import { expect, test } from 'vitest'
import type { Text } from '../texts/language.tsx'
import { amount, hundredths, limitSentences, quietSentences } from './limits.ts'

test('amounts are read as people write them, and written as they are read', () => {
  expect(hundredths('12')).toBe(1200)
  expect(hundredths(' 12.5 ')).toBe(1250)
  expect(hundredths('0,05')).toBe(5)
  for (const wrong of ['', '-1', '1.234', 'many', '1e3']) expect(hundredths(wrong)).toBeUndefined()
  for (const sum of [0, 5, 1200, 1250]) expect(hundredths(amount(sum))).toBe(sum)
})

test('what an alert may cost is told where it may cost something', () => {
  const t: Text = (key, values) => `${key} ${Object.values(values ?? {})}`.trim()
  const told = (rules: Parameters<typeof limitSentences>[1], currency = 'HKD') =>
    limitSentences({ t, language: 'en' }, rules, currency, [])
  const rules = { name: '', steps: [{ after_s: 0, channel: 'app' as const }], cost_max: 0 }
  expect(told(rules)).toEqual(['policy.quiet'])
  const paid = [...rules.steps, { after_s: 60, channel: 'sms' as const }]
  expect(told({ ...rules, steps: paid, overrides_quiet: true })).toEqual([
    'policy.cost.none',
    'policy.loud',
  ])
  const paying = { ...rules, steps: paid, cost_max: 1250 }
  expect(told(paying)[0]).toBe('policy.cost HK$12.50')
  expect(told(paying, 'EUR')[0]).toBe('policy.cost €12.50')
})

test('quiet hours of its own are told, and who may pass over them, by the names of roles', () => {
  const t: Text = (key, values) => `${key} ${Object.values(values ?? {})}`.trim()
  const role = {
    role: 'DUTY',
    name: 'Duty manager',
    administrator: false,
    permissions: [],
    members: 1,
  }
  const told = (rules: Partial<Parameters<typeof quietSentences>[1]>) =>
    quietSentences({ t, language: 'en' }, { name: '', steps: [], cost_max: 0, ...rules }, [role])
  const night = { from_min: 1320, until_min: 480 }
  expect(told({ quiet: [] })).toEqual(['policy.quiet'])
  expect(told({ quiet: [night, { ...night, days: [6, 7] }] })).toEqual([
    'policy.quiet.own 22:00 – 08:00ding.thenSat and Sun 22:00 – 08:00',
  ])
  // Whoever passes over all of them keeps none; and a role that is gone is nobody's.
  expect(told({ quiet: [night], overrides_quiet: true, overriders: ['GONE', 'DUTY'] })).toEqual([
    'policy.loud',
    'policy.overriders Duty manager',
  ])
})
