import { useMemo } from 'react'
import { useStore } from 'zustand'
import { useChats } from '../model/hooks.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import type { Speech } from './sentences.ts'

/** What sentences are said with here; people whose names are not known yet are asked for. */
export function useSpeech(): Speech {
  const t = useText()
  const language = useLanguage()
  const { people } = useChats()
  const known = useStore(people.known)
  return useMemo(
    () => ({
      t,
      language,
      name: id => known.get(id)?.name,
    }),
    [t, language, known],
  )
}
