/** Which keys a meeting hears, and whether single letters are among them. */

import { create } from 'zustand'

/** A Mac's key for commands is ⌘: with Ctrl, letters move the cursor there. */
export const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent)

const KEY = 'carillon.meet.letters'

/** Whether a letter alone does something. Who speaks to the computer says letters all the time. */
export const useLetters = create<{ letters: boolean }>(() => ({
  letters: localStorage.getItem(KEY) !== 'off',
}))

export function setLetters(letters: boolean): void {
  localStorage.setItem(KEY, letters ? 'on' : 'off')
  useLetters.setState({ letters })
}
