import { LIMITS } from '@carillon/client'
import { describe, expect, test } from 'vitest'
import { inserted, isComposing, onEnter, type Pressed, room, sendable } from './writing.ts'

const ENTER: Pressed = {
  key: 'Enter',
  keyCode: 13,
  isComposing: false,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  timeStamp: 10_000,
}
const NEVER = Number.NEGATIVE_INFINITY

describe('an input method', () => {
  test('keeps the Enter that accepts its characters', () => {
    expect(isComposing({ ...ENTER, isComposing: true }, NEVER)).toBe(true)
    expect(isComposing({ ...ENTER, keyCode: 229 }, NEVER)).toBe(true)
  })

  test('keeps it also in Safari, which ends the composition before it tells the key', () => {
    expect(isComposing(ENTER, 9_998)).toBe(true)
    expect(isComposing(ENTER, 9_800)).toBe(false)
    expect(isComposing(ENTER, NEVER)).toBe(false)
  })
})

describe('Enter', () => {
  const shift = { ...ENTER, shiftKey: true }
  const ctrl = { ...ENTER, ctrlKey: true }
  const command = { ...ENTER, metaKey: true }

  test('sends, and with Shift begins a line', () => {
    expect(onEnter(ENTER, 'enter', false)).toBe('send')
    expect(onEnter(shift, 'enter', false)).toBe('line')
  })

  test('begins a line where Ctrl+Enter sends', () => {
    expect(onEnter(ENTER, 'ctrl-enter', false)).toBe('line')
    expect(onEnter(ctrl, 'ctrl-enter', false)).toBe('send')
    expect(onEnter(command, 'ctrl-enter', false)).toBe('send')
  })

  test('begins a line on a phone', () => {
    expect(onEnter(ENTER, 'enter', true)).toBe('line')
    expect(onEnter(ctrl, 'enter', true)).toBe('send')
  })
})

describe('a text', () => {
  test('is sent without what is blank around it, and not changed inside', () => {
    expect(sendable('\n  \n  a\n\n  b  \n ')).toBe('  a\n\n  b')
    expect(sendable(' \n\t')).toBe('')
  })

  test('tells the room that is left only near its end', () => {
    expect(room('收'.repeat(4_000))).toBeUndefined()
    expect(room('收'.repeat(5_400))).toBe(61)
    expect(room('a'.repeat(LIMITS.TEXT_LEN_MAX))).toBe(0)
    expect(room('a'.repeat(LIMITS.TEXT_LEN_MAX + 10))).toBe(-10)
  })

  test('takes an emoji where the cursor stands', () => {
    expect(inserted('ab', 1, 1, '👍')).toEqual({ text: 'a👍b', cursor: 3 })
    expect(inserted('abc', 0, 2, 'x')).toEqual({ text: 'xc', cursor: 1 })
  })
})
