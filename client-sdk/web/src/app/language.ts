import type { Language } from '../../texts/plugin.ts'
import { preferred } from '../texts/language.tsx'

const KEY = 'carillon-language'

/** The language of this device: what was chosen here last, or what the browser asks for. */
export function chosenLanguage(): Language {
  return preferred([localStorage.getItem(KEY) ?? '', ...navigator.languages].filter(Boolean))
}

/** Remembered before anybody signs in: the sign-in page speaks it too. */
export function rememberLanguage(language: Language): void {
  localStorage.setItem(KEY, language)
}
