import type { DingSettings, Reply } from '@carillon/client'
import type { Speech } from '../ding/sentences.ts'
import { money } from '../ding/spell.ts'

type Rules = Reply<'ding.policy.list'>['policies'][number]['rules']

/** Whether a channel costs money. */
export function isPaid(channel: string): boolean {
  return channel === 'sms' || channel === 'call'
}

/** What an alert under a policy may cost, and whether it passes over quiet hours. */
export function limitSentences(
  speech: Pick<Speech, 't' | 'language'>,
  rules: Rules,
  currency: string,
) {
  const { t, language } = speech
  const pays = rules.steps.some(({ channel }) => isPaid(channel))
  const { cost_max } = rules
  const cost =
    cost_max === 0
      ? t('policy.cost.none')
      : t('policy.cost', { cost: money(cost_max, currency, language) })
  return [...(pays ? [cost] : []), t(rules.overrides_quiet ? 'policy.loud' : 'policy.quiet')]
}

/** What prices and limits are in, by ISO 4217. */
export function currencyOf({ currency = 'HKD' }: DingSettings): string {
  return currency
}

/** An amount as somebody writes it, in hundredths; nothing if it is none. */
export function hundredths(written: string): number | undefined {
  const [, whole, part = ''] = /^(\d{1,9})(?:[.,](\d{1,2}))?$/.exec(written.trim()) ?? []
  return whole === undefined ? undefined : Number(whole) * 100 + Number(part.padEnd(2, '0'))
}

/** The same as it stands in a field. */
export function amount(hundredths: number): string {
  const whole = Math.floor(hundredths / 100)
  const part = hundredths % 100
  return part === 0 ? `${whole}` : `${whole}.${`${part}`.padStart(2, '0')}`
}
