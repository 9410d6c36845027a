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
