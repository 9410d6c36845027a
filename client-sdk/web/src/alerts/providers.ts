import type { Args } from '@carillon/client'
import type { Key } from '../texts/language.tsx'

export type WaysSet = Args<'notify.settings.set'>
export type Provider = NonNullable<WaysSet['providers']>[number]
export type Vendor = Provider['vendor']

/** The names under which they are known everywhere. */
export const VENDORS: Readonly<Record<Vendor, string>> = {
  twilio: 'Twilio',
  vonage: 'Vonage',
  alibaba: 'Alibaba Cloud 阿里雲',
  tencent: 'Tencent Cloud 騰訊雲',
}

/** Who can make calls. */
export const CALLERS: readonly Vendor[] = ['twilio', 'vonage', 'alibaba']

/** A field of an account. */
export interface ProviderField {
  name: string
  label: Key
  hint?: Key
  /** Written and never shown. */
  secret?: boolean
  optional?: boolean
  number?: boolean
  /** Several lines. */
  long?: boolean
}

const base = { name: 'base', label: 'ways.base', hint: 'ways.base.hint', optional: true } as const
const valueLen = {
  name: 'value_len_max',
  label: 'ways.valueLen',
  hint: 'ways.valueLen.hint',
  optional: true,
  number: true,
} as const

/** What an account with each of them consists of. */
export const FIELDS: Readonly<Record<Vendor, readonly ProviderField[]>> = {
  twilio: [
    { name: 'account', label: 'ways.twilio.account' },
    { name: 'token', label: 'ways.twilio.token', secret: true },
    { name: 'from', label: 'ways.from', hint: 'ways.twilio.from.hint' },
    base,
  ],
  vonage: [
    { name: 'account', label: 'ways.vonage.account' },
    { name: 'application', label: 'ways.vonage.application' },
    { name: 'key', label: 'ways.vonage.key', secret: true, long: true },
    { name: 'signature', label: 'ways.vonage.signature', secret: true },
    { name: 'from', label: 'ways.from' },
    base,
  ],
  alibaba: [
    { name: 'key_id', label: 'ways.alibaba.keyId' },
    { name: 'key_secret', label: 'ways.alibaba.keySecret', secret: true },
    { name: 'sign_name', label: 'ways.signName' },
    { name: 'template', label: 'ways.template' },
    { name: 'variable', label: 'ways.variable' },
    valueLen,
    { name: 'voice.template', label: 'ways.voice.template', optional: true },
    { name: 'voice.variable', label: 'ways.voice.variable', optional: true },
    { name: 'voice.from', label: 'ways.voice.from', optional: true },
    { name: 'voice.base', label: 'ways.voice.base', optional: true },
    base,
  ],
  tencent: [
    { name: 'region', label: 'ways.region' },
    { name: 'secret_id', label: 'ways.tencent.secretId' },
    { name: 'secret_key', label: 'ways.tencent.secretKey', secret: true },
    { name: 'application', label: 'ways.tencent.application' },
    { name: 'sign_name', label: 'ways.signName', optional: true },
    { name: 'template', label: 'ways.template' },
    valueLen,
    base,
  ],
}

/** What the fields of an account hold. */
export type Written = Readonly<Record<string, string>>

/** An account as its form has it; secrets are empty. */
export function written(provider: Provider): Written {
  const values: Record<string, string> = {}
  const put = (prefix: string, from: object) => {
    for (const [name, value] of Object.entries(from)) {
      if (typeof value === 'object' && value !== null) put(`${prefix}${name}.`, value)
      else values[prefix + name] = `${value}`
    }
  }
  put('', provider)
  return values
}

/** The first field that has to be filled in and is not; a secret that is known may stay. */
export function missing(vendor: Vendor, values: Written, isNew: boolean): string | undefined {
  const isEmpty = ({ name }: ProviderField) => !values[name]?.trim()
  const wanted = FIELDS[vendor].filter(({ optional, secret }) => !optional && (isNew || !secret))
  const halfVoice = Object.keys(values).some(name => name.startsWith('voice.') && values[name])
  const voice = halfVoice
    ? FIELDS[vendor].filter(({ name }) => name === 'voice.template' || name === 'voice.variable')
    : []
  return [...wanted, ...voice].find(isEmpty)?.name
}

/** The account that the fields mean. */
export function providerOf(vendor: Vendor, values: Written): Provider {
  const provider: Record<string, unknown> = { vendor }
  for (const { name, number } of FIELDS[vendor]) {
    const value = values[name]?.trim()
    if (!value) continue
    const [first = '', second] = name.split('.')
    const meant = number ? Number(value) : value
    if (second === undefined) provider[first] = meant
    else provider[first] = { ...(provider[first] as object | undefined), [second]: meant }
  }
  return provider as unknown as Provider
}
