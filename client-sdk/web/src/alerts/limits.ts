import type { DingSettings, Reply, Role } from '@carillon/client'
import { roleName } from '../admin/roles.ts'
import { ownQuiet, type Speech } from '../ding/sentences.ts'
import { money } from '../ding/spell.ts'

type Rules = Reply<'ding.policy.list'>['policies'][number]['rules']

/** Whether a channel costs money. */
export function isPaid(channel: string): boolean {
  return channel === 'sms' || channel === 'call'
}

type Told = Pick<Speech, 't' | 'language'>

/** What an alert under a policy may cost, and what it does in quiet hours. */
export function limitSentences(
  speech: Told,
  rules: Rules,
  currency: string,
  roles: readonly Role[],
): string[] {
  const { t, language } = speech
  const pays = rules.steps.some(({ channel }) => isPaid(channel))
  const { cost_max } = rules
  const cost =
    cost_max === 0
      ? t('policy.cost.none')
      : t('policy.cost', { cost: money(cost_max, currency, language) })
  return [...(pays ? [cost] : []), ...quietSentences(speech, rules, roles)]
}

/** Which quiet hours a policy keeps, and who may pass over them besides those who always may. */
export function quietSentences(speech: Told, rules: Rules, roles: readonly Role[]): string[] {
  const { t, language } = speech
  const { overrides_quiet, overriders = [] } = rules
  const quiet = overrides_quiet ? t('policy.loud') : (ownQuiet(speech, rules) ?? t('policy.quiet'))
  const named = roles.filter(({ role }) => overriders.includes(role)).map(role => roleName(t, role))
  if (named.length === 0) return [quiet]
  const list = new Intl.ListFormat(language).format(named)
  return [quiet, t('policy.overriders', { roles: list })]
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
