import type { Language } from '../../texts/plugin.ts'
import { preferred, Texts } from '../texts/language.tsx'

const KEY = 'carillon-language'

/** The app's texts. */
export const texts = new Texts()

/** The language of this device: what was chosen here last, or what the browser asks for. */
export function chosenLanguage(): Language {
  return preferred([localStorage.getItem(KEY) ?? '', ...navigator.languages].filter(Boolean))
}

/** Shows a language, and remembers it on this device: the sign-in page speaks it too. */
export async function speak(language: Language): Promise<void> {
  await texts.use(language)
  localStorage.setItem(KEY, language)
}
