import type { Reply } from '@carillon/client'
import type { Key } from '../texts/language.tsx'

type Outcome = Reply<'notify.settings.test'>['outcome']

/** What became of an attempt, in words. */
export const OUTCOMES: Readonly<Record<Outcome, Key>> = {
  accepted: 'outcome.accepted',
  delivered: 'outcome.delivered',
  failed: 'outcome.failed',
  unreachable: 'outcome.unreachable',
  cancelled: 'outcome.cancelled',
  unknown: 'outcome.unknown',
}

/** The channels as a list has them. */
export const NAMES = {
  app: 'policy.channel.app',
  push: 'policy.channel.push',
  email: 'policy.channel.email',
  sms: 'policy.channel.sms',
  call: 'policy.channel.call',
} as const
