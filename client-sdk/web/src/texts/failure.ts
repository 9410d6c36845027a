import { CarillonError } from '@carillon/client'
import type { Key, Text } from './language.tsx'

/** Something that a form refuses before it asks the server. */
export class Refused extends Error {
  readonly field: string
  readonly key: Key

  constructor(field: string, key: Key) {
    super(key)
    this.field = field
    this.key = key
  }
}

/** What went wrong and what to do, in the person's language. */
export function failure(t: Text, error: unknown): string {
  if (error instanceof Refused) return t(error.key)
  if (!(error instanceof CarillonError)) return t('error.network')
  const known = wrongField(error) ?? KNOWN[error.code]
  return known ? t(known) : t('error.other', { reason: error.message })
}

/** The field of a form that an error is about. */
export function fieldOf(error: unknown): string | undefined {
  if (error instanceof Refused) return error.field
  return error instanceof CarillonError ? error.field : undefined
}

function wrongField(error: CarillonError): Key | undefined {
  if (!error.field) return undefined
  if (error.code === 'E_CONFLICT') return TAKEN[error.field]
  if (error.code === 'E_FORBIDDEN') return OWNERS[error.field.replace(/\[\d+\]$/, '')]
  return error.code === 'E_BAD_ARG' ? FIELDS[error.field] : undefined
}

/** What belongs into a field, by the name that the server has for it. */
const FIELDS: Record<string, Key> = {
  login: 'wrong.login',
  name: 'wrong.name',
  org: 'wrong.name',
  title: 'wrong.title',
  password: 'wrong.password',
  old: 'wrong.old',
  new: 'wrong.password',
  tz: 'wrong.tz',
  manager: 'wrong.manager',
  departments: 'wrong.departments',
  uses: 'wrong.uses',
  parent: 'wrong.parent',
}

/** What only one may have. */
const TAKEN: Record<string, Key> = {
  login: 'wrong.login.taken',
  name: 'wrong.name.taken',
}

/** What only the owner of a group does with everybody in it. */
const OWNERS: Record<string, Key> = {
  everybody: 'wrong.everybody',
  'to.convs': 'wrong.dingAll',
  'to.unread_of': 'wrong.dingAll',
}

const KNOWN: Partial<Record<CarillonError['code'], Key>> = {
  E_RATE: 'error.E_RATE',
  E_BUSY: 'error.E_BUSY',
  E_FORBIDDEN: 'error.E_FORBIDDEN',
  E_NOT_FOUND: 'error.E_NOT_FOUND',
  E_NOT_MEMBER: 'error.E_NOT_MEMBER',
  E_BLOCKED: 'error.E_BLOCKED',
  E_CONFLICT: 'error.E_CONFLICT',
  E_TOO_LARGE: 'error.E_TOO_LARGE',
  E_UNAVAILABLE: 'error.E_UNAVAILABLE',
  E_UNAUTH: 'error.E_UNAUTH',
  E_TOKEN_EXPIRED: 'error.E_UNAUTH',
  E_OFFLINE: 'error.network',
  E_QUOTA: 'error.E_QUOTA',
  E_TIMEOUT_UNKNOWN: 'error.late',
}
