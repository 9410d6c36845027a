import type { DingPolicyStep } from '@carillon/client'
import { expect, test } from 'vitest'
import { catalogue, type Language } from '../../texts/plugin.ts'
import type { Text } from '../texts/language.tsx'
import { planSentences, policySentences, type Speech, skipSentences } from './sentences.ts'

/** A language's catalogue, filled as the app fills it. */
const textOf =
  (language: Language): Text =>
  (key, values = {}) => {
    const form = language === 'en' && values.count === 1 ? 'one' : 'other'
    const text = (texts.get(key) ?? texts.get(`${key}_${form}`))?.[language] ?? key
    return text.replace(/{{(\w+)}}/g, (_, name: string) => String(values[name]))
  }
const speechIn = (language: Language): Speech => ({
  t: textOf(language),
  language,
  name: id => (id === 'DAN' ? 'Dan' : undefined),
})
const texts = catalogue()
const t = textOf('en')
const speech = speechIn('en')
const PLAN = { nth: 0, first_at: 0, last_at: 0, people: 10, skipped: [], cost: 0 }

test('a policy is read step by step', () => {
  const rules = {
    name: 'usual',
    cost_max: 500,
    steps: [
      { channel: 'app', after_s: 0 },
      { channel: 'sms', after_s: 300, times: 2, every_s: 120 },
      { channel: 'push', after_s: 900, whom: { kind: 'manager' } },
      { channel: 'call', after_s: 1_800, whom: { kind: 'user', user: 'DAN' } },
    ],
  } as const
  expect(policySentences(speech, { ...rules, steps: [...rules.steps] })).toEqual([
    'At once: alert in the app',
    'After 5 minutes: text message (2 times, every 2 minutes)',
    'After 15 minutes: push message to their manager',
    'After 30 minutes: phone call to Dan',
  ])
})

test('a simulation says who is reached when, by what, and for how much', () => {
  const steps = [
    { ...PLAN, step: 0, channel: 'app' },
    { ...PLAN, step: 1, channel: 'sms', first_at: 300_000, last_at: 300_000, cost: 300 },
    { ...PLAN, step: 2, channel: 'app', first_at: 900_000, last_at: 36_900_000 },
    { ...PLAN, step: 3, channel: 'call', people: 0 },
  ] as const
  const rules = {
    name: 'usual',
    cost_max: 500,
    steps: [
      { channel: 'app', after_s: 0 },
      { channel: 'sms', after_s: 300 },
      { channel: 'app', after_s: 900, whom: { kind: 'manager' } },
    ],
  } as const
  const told = planSentences(
    speech,
    { begins_at: 0, currency: 'HKD', steps: steps.map(step => ({ ...step, skipped: [] })) },
    { ...rules, steps: [...rules.steps] },
  )
  expect(told).toEqual([
    'At once: alert in the app, to 10 people',
    'After 5 minutes: text message, to up to 10 who have not confirmed (at most HK$3.00)',
    'After 15 minutes: alert in the app, to their manager, if somebody has not confirmed ' +
      '(up to 10 hours later for people in their quiet hours)',
  ])
})

test('who is not reached as planned is said once, with the reason', () => {
  const skipped = (of: [('quota' | 'cost' | 'budget' | 'nobody')[][number], number][]) => ({
    ...PLAN,
    step: 0,
    channel: 'sms' as const,
    skipped: of,
  })
  const steps = [
    skipped([['quota', 2]]),
    skipped([
      ['quota', 1],
      ['nobody', 4],
      ['budget', 1],
    ]),
  ]
  const none = { begins_at: 0, cost: 0, currency: 'HKD', people: [], recipients: 5 }
  const simulated = { ...none, app_only: 1, steps }
  expect(skipSentences(t, simulated)).toEqual([
    'One person can be reached in the app only',
    '3 texts or calls are left out: these people had enough today',
    'A text or call is left out: the budget for DINGs is spent',
  ])
})

test.each<[Language, string[]]>([
  [
    'en',
    [
      'At once: alert in the app and push message',
      'After 5 minutes: text message (3 times, every 2 minutes)',
      'After 5 minutes: e-mail',
      'After 15 minutes: alert in the app, push message, and phone call to their manager',
    ],
  ],
  [
    'zh-HK',
    [
      '即刻：app 內全螢幕提示及推送通知',
      '5 分鐘後：短訊（3 次，每隔 2 分鐘）',
      '5 分鐘後：電郵',
      '15 分鐘後：app 內全螢幕提示、推送通知及打電話畀佢哋嘅上司',
    ],
  ],
  [
    'zh-CN',
    [
      '立即：应用内全屏提醒和推送通知',
      '5分钟后：短信（3 次，每隔 2分钟）',
      '5分钟后：电子邮件',
      '15分钟后：应用内全屏提醒、推送通知和电话给其上司',
    ],
  ],
])('what comes at one moment to the same people is one sentence, in %s', (language, sentences) => {
  const whom = { kind: 'manager' } as const
  const steps: DingPolicyStep[] = [
    { after_s: 900, channel: 'app', whom },
    { after_s: 0, channel: 'app' },
    { after_s: 0, channel: 'push', whom: { kind: 'recipient' } },
    { after_s: 300, channel: 'sms', times: 3, every_s: 120 },
    { after_s: 300, channel: 'email' },
    { after_s: 900, channel: 'push', whom },
    { after_s: 900, channel: 'call', whom },
  ]
  expect(policySentences(speechIn(language), { name: 'Ours', steps, cost_max: 0 })).toEqual(
    sentences,
  )
})
