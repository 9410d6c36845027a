import { CarillonError } from '@carillon/client'
import type { Key, Text } from './language.tsx'

/** What went wrong and what to do, in the person's language. */
export function failure(t: Text, error: unknown): string {
  if (!(error instanceof CarillonError)) return t('error.network')
  const known = KNOWN[error.code]
  return known ? t(known) : t('error.other', { reason: error.message })
}

const KNOWN: Partial<Record<CarillonError['code'], Key>> = {
  E_RATE: 'error.E_RATE',
  E_BUSY: 'error.E_BUSY',
  E_FORBIDDEN: 'error.E_FORBIDDEN',
  E_NOT_FOUND: 'error.E_NOT_FOUND',
  E_NOT_MEMBER: 'error.E_NOT_MEMBER',
  E_CONFLICT: 'error.E_CONFLICT',
  E_TOO_LARGE: 'error.E_TOO_LARGE',
  E_UNAVAILABLE: 'error.E_UNAVAILABLE',
  E_UNAUTH: 'error.E_UNAUTH',
  E_TOKEN_EXPIRED: 'error.E_UNAUTH',
}
