import type { CardForm, CardInput, CardValue } from '@carillon/client'
import { expect, test } from 'vitest'
import { Refused } from '../texts/failure.ts'
import { answersOf, initial } from './answers.ts'

const input = (id: string, more: Partial<CardInput> = {}): CardInput => {
  return { id, label: id, kind: 'text', ...more }
}
const form = (...inputs: CardInput[]): CardForm => {
  return { inputs, submit: { label: 'Send', act: 'send' } }
}

/** Where a form is wrong, and why. */
function wrong(input: CardInput, value: CardValue | undefined) {
  try {
    answersOf(form(input), { [input.id]: value })
  } catch (error) {
    if (error instanceof Refused) return [error.field, error.key]
    throw error
  }
  return undefined
}

test('what was left open is not sent', () => {
  const choices = input('c', { kind: 'choices', options: [{ value: 'a', label: 'A' }] })
  const asked = form(
    input('a', { value: 'x' }),
    input('b'),
    choices,
    input('t', { kind: 'toggle' }),
  )
  expect(initial(asked)).toEqual({ a: 'x', b: undefined, c: undefined, t: undefined })
  const values = { a: 'x', b: ' ', c: [], t: false }
  expect(answersOf(asked, values)).toEqual({ a: 'x' })
  expect(answersOf(asked, { ...values, t: true, c: ['a'] })).toEqual({ a: 'x', c: ['a'], t: true })
})

test('what the server would refuse is said at the question', () => {
  const required = { required: true }
  const open = ['values.x', 'card.wrong.open']
  for (const value of [undefined, '', '  ', [], false]) {
    expect(wrong(input('x', required), value)).toEqual(open)
  }
  const number = input('x', { kind: 'number' })
  for (const good of ['1', '-0.50', '']) expect(wrong(number, good)).toBeUndefined()
  for (const bad of ['1e5', '1,5', '.5', 'x']) {
    expect(wrong(number, bad)).toEqual(['values.x', 'card.wrong.number'])
  }
  const short = input('x', { max_len: 2 })
  expect(wrong(short, '兩字')).toBeUndefined()
  expect(wrong(short, '三個字')).toEqual(['values.x', 'card.wrong.long'])
  expect(wrong(input('x'), 'x'.repeat(1_001))).toEqual(['values.x', 'card.wrong.long'])
})
