/** What a policy does, and what an alert would do, in sentences. */

import type {
  DingChannel,
  DingPolicyRules,
  DingPolicyStep,
  DingPolicyWhom,
  DingSimulated,
  DingSkip,
  DingStepPlan,
  Policy,
} from '@carillon/client'
import { quietWords } from '../alerts/quiet.ts'
import type { Key, Text } from '../texts/language.tsx'
import { money, spell } from './spell.ts'

/** What the sentences are said with. */
export interface Speech {
  readonly t: Text
  readonly language: string
  /** The name of a person, or of a rota; nothing if it is not known. */
  readonly name: (id: string) => string | undefined
}

/** What comes so soon after the beginning comes at once. */
const AT_ONCE_MS = 5_000
/** A step that is so much later for some is said to be. */
const LATER_MS = 60_000

export const CHANNELS: Record<DingChannel, Key> = {
  app: 'ding.by.app',
  push: 'ding.by.push',
  email: 'ding.by.email',
  sms: 'ding.by.sms',
  call: 'ding.by.call',
}

const BUILTIN: Record<string, Key> = {
  usual: 'ding.policy.usual',
  calm: 'ding.policy.calm',
  urgent: 'ding.policy.urgent',
}

/** What a policy is called: one that ships with Carillon in the person's language. */
export function policyName(t: Text, { builtin, rules }: Policy): string {
  const key = builtin === undefined ? undefined : BUILTIN[builtin]
  return key ? t(key) : rules.name
}

/** What a policy does, by time; what comes at one moment to the same people is one sentence. */
export function policySentences(speech: Speech, { steps }: DingPolicyRules): string[] {
  const sorted = [...steps].sort((one, other) => one.after_s - other.after_s)
  const moments = new Map<string, DingPolicyStep[]>()
  for (const [at, step] of sorted.entries()) {
    // What is repeated says so in a sentence of its own.
    const own = (step.times ?? 1) > 1 ? at : ''
    const moment = `${step.after_s} ${JSON.stringify(step.whom ?? { kind: 'recipient' })} ${own}`
    moments.set(moment, [...(moments.get(moment) ?? []), step])
  }
  return [...moments.values()].map(together => stepSentence(speech, together))
}

/** The quiet hours of its own that a policy keeps; nothing if it has none, or passes over all. */
export function ownQuiet(
  { t, language }: Pick<Speech, 't' | 'language'>,
  { quiet = [], overrides_quiet }: DingPolicyRules,
): string | undefined {
  if (overrides_quiet || quiet.length === 0) return undefined
  const hours = quiet.map(it => quietWords(language, it)).join(t('ding.then'))
  return t('policy.quiet.own', { hours })
}

function stepSentence(speech: Speech, together: readonly DingPolicyStep[]): string {
  const { t, language } = speech
  const [step] = together
  if (step === undefined) return ''
  const when = whenOf(speech, step.after_s * 1_000)
  const channels = together.map(({ channel }) => t(CHANNELS[channel]))
  const channel = new Intl.ListFormat(language).format(channels)
  const whom = whomOf(speech, step.whom)
  const once = whom
    ? t('ding.step.other', { when, channel, whom })
    : t('ding.step', { when, channel })
  const { times = 1, every_s = 0 } = step
  if (times < 2) return once
  const every = spell(every_s * 1_000, language)
  return t('ding.step.again', { step: once, count: times, every })
}

function whenOf({ t, language }: Speech, after: number): string {
  if (after < AT_ONCE_MS) return t('ding.atonce')
  return t('ding.after', { time: spell(after, language) })
}

/** Who is called instead of the recipient, if it is somebody else. */
export function whomOf({ t, name }: Speech, whom: DingPolicyWhom | undefined): string | undefined {
  if (whom?.kind === 'manager') return t('ding.whom.manager')
  if (whom?.kind === 'manager_above') return t('ding.whom.above')
  if (whom?.kind === 'deputy') return t('ding.whom.deputy')
  if (whom?.kind === 'on_duty') {
    const rota = name(whom.duty)
    return rota ? t('ding.whom.duty.of', { rota }) : t('ding.whom.duty')
  }
  if (whom?.kind === 'user') return name(whom.user) ?? t('ding.whom.user')
  return undefined
}

/** What would happen, a sentence for everything that would be tried. */
export function planSentences(
  speech: Speech,
  { steps, begins_at, currency }: Pick<DingSimulated, 'steps' | 'begins_at' | 'currency'>,
  rules: DingPolicyRules | undefined,
): string[] {
  return steps
    .filter(({ people }) => people > 0)
    .map(plan => {
      const cost = plan.cost > 0 ? money(plan.cost, currency, speech.language) : undefined
      return planSentence(speech, plan, begins_at, rules?.steps[plan.step]?.whom, cost)
    })
}

function planSentence(
  speech: Speech,
  plan: DingStepPlan,
  begins: number,
  target: DingPolicyWhom | undefined,
  cost: string | undefined,
): string {
  const { t, language } = speech
  const after = plan.first_at - begins
  const isFirst = after < AT_ONCE_MS
  const values = { when: whenOf(speech, after), channel: t(CHANNELS[plan.channel]) }
  const count = plan.people
  const whom = whomOf(speech, target)
  const said = whom
    ? t('ding.plan.other', { ...values, whom })
    : t(isFirst ? 'ding.plan.first' : 'ding.plan.then', { ...values, count })
  const more: string[] = []
  if (cost !== undefined) more.push(t('ding.plan.cost', { cost }))
  const later = plan.last_at - plan.first_at
  if (later >= LATER_MS) more.push(t('ding.plan.quiet', { time: spell(later, language) }))
  return more.length > 0 ? t('ding.plan.more', { said, more: more.join(t('ding.and')) }) : said
}

const SKIPS: Partial<Record<DingSkip, 'ding.skip.quota' | 'ding.skip.cost' | 'ding.skip.budget'>> =
  {
    quota: 'ding.skip.quota',
    cost: 'ding.skip.cost',
    budget: 'ding.skip.budget',
  }

/** What the sender should know besides: who is not reached as the policy says, and why. */
export function skipSentences(t: Text, { steps, app_only }: DingSimulated): string[] {
  const sums = new Map<DingSkip, number>()
  for (const [skip, count] of steps.flatMap(({ skipped }) => skipped)) {
    sums.set(skip, (sums.get(skip) ?? 0) + count)
  }
  const sentences = [...sums].flatMap(([skip, count]) => {
    const key = SKIPS[skip]
    return key ? [t(key, { count })] : []
  })
  return app_only > 0 ? [t('ding.apponly', { count: app_only }), ...sentences] : sentences
}
