import type { BotReason } from '@carillon/client'
import type { Key } from '../texts/language.tsx'

/** Why a call was refused, in words. */
export const REFUSALS: Record<BotReason, Key> = {
  token: 'robots.refused.token',
  disabled: 'robots.refused.disabled',
  address: 'robots.refused.address',
  signature: 'robots.refused.signature',
  timestamp: 'robots.refused.timestamp',
  rate: 'robots.refused.rate',
  large: 'robots.refused.large',
  body: 'robots.refused.body',
  kind: 'robots.refused.kind',
  empty: 'robots.refused.empty',
  keywords: 'robots.refused.keywords',
  conversation: 'robots.refused.conversation',
  failed: 'robots.refused.failed',
}
