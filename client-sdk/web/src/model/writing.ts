/** The rules of the box to write in. */

import { LIMITS } from '@carillon/client'

/** What sends a message; the other one begins a line. */
export type SendKey = 'enter' | 'ctrl-enter'

const KEY = 'carillon-send'

/** What this device is set to. */
export function sendKey(): SendKey {
  return localStorage.getItem(KEY) === 'ctrl-enter' ? 'ctrl-enter' : 'enter'
}

export function setSendKey(by: SendKey): void {
  localStorage.setItem(KEY, by)
}

/** What a key event tells of itself, and what the input method did before. */
export interface Pressed {
  readonly key: string
  readonly keyCode: number
  readonly isComposing: boolean
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly timeStamp: number
}

/** Within so long of the end of a composition a key is still the one that ended it. */
const SAME_KEY_MS = 50

/**
 * Whether a key belongs to the input method, which turns what was typed into characters: the
 * Enter that accepts them must not send half a word. While it composes, browsers say so, or say
 * 229; Safari ends the composition first and tells the key afterwards.
 */
export function isComposing(pressed: Pressed, composedAt: number): boolean {
  const { isComposing, keyCode, timeStamp } = pressed
  return isComposing || keyCode === 229 || timeStamp - composedAt < SAME_KEY_MS
}

/** What Enter does. A phone's keyboard has no Shift to begin a line with: there it begins one. */
export function onEnter(pressed: Pressed, by: SendKey, phone: boolean): 'send' | 'line' {
  const held = pressed.ctrlKey || pressed.metaKey
  if (held) return 'send'
  if (pressed.shiftKey || pressed.altKey || phone || by === 'ctrl-enter') return 'line'
  return 'send'
}

const encoder = new TextEncoder()
/** From here on the room that is left is shown. */
const NEAR = Math.floor(LIMITS.TEXT_LEN_MAX * 0.9)

/** What of a text is sent: without blank lines and spaces around it. */
export function sendable(text: string): string {
  return text.replace(/^\s*\n/, '').trimEnd()
}

/** About how many characters still fit (negative: are too many); `undefined` while far from it. */
export function room(text: string): number | undefined {
  // No character takes more than three bytes for each of its UTF-16 units.
  if (text.length * 3 < NEAR) return undefined
  const bytes = encoder.encode(text).length
  if (bytes < NEAR) return undefined
  const left = (LIMITS.TEXT_LEN_MAX - bytes) / (bytes / text.length)
  return Math.floor(left)
}

/** Puts something where the cursor stands. */
export function inserted(text: string, from: number, to: number, what: string) {
  return { text: text.slice(0, from) + what + text.slice(to), cursor: from + what.length }
}
