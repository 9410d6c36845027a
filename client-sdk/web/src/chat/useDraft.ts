import type { ConvId } from '@carillon/client'
import { useCallback, useMemo } from 'react'
import { useStore } from 'zustand'
import { type Draft, Drafts } from '../model/drafts.ts'
import { useChats } from '../model/hooks.ts'
import { Sheet } from '../model/sheet.ts'
import type { Talk } from '../model/talk.ts'

/** Whoever comes back while a text is still on its way finds it on its way, and not in the box. */
const SHEETS = new WeakMap<Talk, Sheet>()

/** What is being written in a conversation; kept on this device until the outbox has it. */
export function useDraft(conv: ConvId, talk: Talk) {
  const { me } = useChats()
  const sheet = useMemo(() => {
    const known = SHEETS.get(talk) ?? new Sheet(new Drafts(localStorage, me), conv)
    SHEETS.set(talk, known)
    return known.open()
  }, [talk, me, conv])
  return {
    draft: useStore(sheet.box),
    write: useCallback((draft: Draft) => sheet.write(draft), [sheet]),
    hand: useCallback<Sheet['hand']>(keep => sheet.hand(keep), [sheet]),
  }
}
