/** What the server refuses in a meeting, as it is meant there. */

import { CarillonError } from '@carillon/client'
import { Refused } from '../texts/failure.ts'
import type { Key } from '../texts/language.tsx'

type Meant = Partial<Record<string, Key>>

/** Before the door. */
const ENTERING: Meant = {
  E_FORBIDDEN: 'rooms.join.forbidden',
  E_CONFLICT: 'rooms.over.ended',
  E_QUOTA: 'rooms.join.full',
}

/** Behind it. */
const INSIDE: Meant = { E_FORBIDDEN: 'rooms.forbidden' }

function meant(error: unknown, as: Meant): unknown {
  const key = error instanceof CarillonError ? as[error.code] : undefined
  return key ? new Refused('', key) : error
}

export function meantEntering(error: unknown): unknown {
  return meant(error, ENTERING)
}

export function meantInside(error: unknown): unknown {
  return meant(error, INSIDE)
}
