/** What the server refuses to a guest, as it is meant before the door. */

import { CarillonError } from '@carillon/client'
import { Refused } from '../texts/failure.ts'
import type { Key } from '../texts/language.tsx'
import { forgetGrant } from './visit.ts'

const MEANT: Partial<Record<string, Key>> = {
  E_FORBIDDEN: 'guest.refused',
  E_CONFLICT: 'guest.dead.over',
  E_NOT_FOUND: 'guest.dead.unknown',
  E_UNAUTH: 'guest.dead.over',
  E_TOKEN_EXPIRED: 'guest.dead.over',
  E_QUOTA: 'rooms.join.full',
}

export function meantKnocking(error: unknown): unknown {
  if (!(error instanceof CarillonError)) return error
  // The next try begins a session of its own, if the link still opens anything.
  if (error.retry === 'reauth') forgetGrant()
  if (error.field === 'name') return error
  const key = isOver(error) ? 'rooms.over.ended' : MEANT[error.code]
  return key ? new Refused('', key) : error
}

/** Whether it is the meeting that is over, and not the link. */
export function isOver(error: unknown): boolean {
  return error instanceof CarillonError && error.code === 'E_CONFLICT' && error.field !== 'secret'
}
