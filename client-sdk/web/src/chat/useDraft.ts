import type { ConvId } from '@carillon/client'
import { useCallback, useMemo, useRef, useState } from 'react'
import { type Draft, Drafts } from '../model/drafts.ts'
import { useChats } from '../model/hooks.ts'

type Change = Draft | ((draft: Draft) => Draft)

/** What is being written in a conversation; kept on this device until it is sent. */
export function useDraft(conv: ConvId): [Draft, (change: Change) => void] {
  const { me } = useChats()
  const drafts = useMemo(() => new Drafts(localStorage, me), [me])
  const [draft, setDraft] = useState(() => drafts.get(conv))
  const latest = useRef(draft)
  const change = useCallback(
    (change: Change) => {
      const next = typeof change === 'function' ? change(latest.current) : change
      latest.current = next
      setDraft(next)
      // Without room it is kept as long as the conversation is open, which is not worth a word.
      drafts.set(conv, next, Date.now())
    },
    [drafts, conv],
  )
  return [draft, change]
}
