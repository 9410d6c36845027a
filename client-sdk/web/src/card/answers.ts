/** What somebody fills into a card's form. The server has the same rules and the last word. */

import {
  type CardForm,
  type CardInput,
  type CardValue,
  CarillonError,
  LIMITS,
} from '@carillon/client'
import { Refused } from '../texts/failure.ts'
import type { Key } from '../texts/language.tsx'

export type Values = Readonly<Record<string, CardValue | undefined>>

/** What stands in a form at the beginning. */
export function initial(form: CardForm): Values {
  return Object.fromEntries(form.inputs.map(({ id, value }) => [id, value]))
}

/** The server's name for a question, where it says what is wrong. */
export function place(input: CardInput): string {
  return `values.${input.id}`
}

/**
 * What is sent: nothing of what was left open.
 *
 * @throws Refused at the first question whose answer the server would not take
 */
export function answersOf(form: CardForm, values: Values): Record<string, CardValue> {
  const answers: Record<string, CardValue> = {}
  for (const input of form.inputs) {
    const wrong = wrongWith(input, values[input.id])
    if (wrong) throw new Refused(place(input), wrong)
    const value = values[input.id]
    if (value !== undefined && !isBlank(value)) answers[input.id] = value
  }
  return answers
}

/** What the server refuses an act with, as it is meant of a card. */
const MEANT: Partial<Record<string, Key>> = {
  E_BLOCKED: 'card.deaf',
  E_CONFLICT: 'card.changed',
  E_FORBIDDEN: 'card.forbidden',
}

/** An error of an act, in the words of cards. */
export function meant(error: unknown): unknown {
  const key = error instanceof CarillonError ? MEANT[error.code] : undefined
  return key ? new Refused('', key) : error
}

function isBlank(value: CardValue): boolean {
  if (typeof value === 'string') return value.trim() === ''
  return Array.isArray(value) ? value.length === 0 : !value
}

function wrongWith(input: CardInput, value: CardValue | undefined): Key | undefined {
  if (value === undefined || isBlank(value)) return input.required ? 'card.wrong.open' : undefined
  if (typeof value !== 'string') return undefined
  if (input.kind === 'number' && !/^-?\d+(\.\d+)?$/.test(value)) return 'card.wrong.number'
  const isWritten = input.kind === 'text' || input.kind === 'long'
  const max = input.max_len ?? LIMITS.CARD_ANSWER_LEN
  return isWritten && [...value].length > max ? 'card.wrong.long' : undefined
}
