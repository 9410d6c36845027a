import { expect, test } from 'vitest'
import { missing, type Provider, providerOf, written } from './providers.ts'

const ACCOUNTS: Provider[] = [
  { vendor: 'twilio', account: 'AC1', from: '+85230000000' },
  { vendor: 'vonage', account: 'K', application: 'A', from: 'Carillon' },
  {
    vendor: 'alibaba',
    key_id: 'K',
    sign_name: '海港',
    template: 'SMS_1',
    variable: 'text',
    value_len_max: 35,
    voice: { template: 'TTS_1', variable: 'text' },
  },
  { vendor: 'tencent', region: 'ap-guangzhou', secret_id: 'S', application: '1', template: '2' },
]

test.each(ACCOUNTS)('an account with $vendor goes through its form unchanged', account => {
  expect(providerOf(account.vendor, written(account))).toEqual(account)
})

test('a secret is asked for once; left empty later, it stays', () => {
  const twilio = written({ vendor: 'twilio', account: 'AC1', from: '+85230000000' })
  expect(missing('twilio', twilio, true)).toBe('token')
  expect(missing('twilio', twilio, false)).toBeUndefined()
  expect(missing('twilio', { ...twilio, token: 's' }, true)).toBeUndefined()
  expect(providerOf('twilio', { ...twilio, token: ' ' })).not.toHaveProperty('token')
})

test('calls through Alibaba Cloud need all that belongs to them, or nothing', () => {
  const [, , alibaba] = ACCOUNTS
  if (!alibaba) throw new Error('there is no such account')
  const values = written(alibaba)
  expect(missing('alibaba', { ...values, 'voice.variable': '' }, false)).toBe('voice.variable')
  const none = { ...values, 'voice.template': '', 'voice.variable': '' }
  expect(missing('alibaba', none, false)).toBeUndefined()
  expect(providerOf('alibaba', none)).not.toHaveProperty('voice')
})
