import type { EventData, Update } from '@carillon/client'
import { useEffect, useRef } from 'react'
import { useClient } from './workspace.ts'

/** Several changes at once, as of an import or of a person's many rows, are looked at together. */
const TOGETHER_MS = 200

/** Calls `changed` soon after one of these kinds of events, also one that was caught up with. */
export function useChanges(kinds: readonly (keyof EventData)[], changed: () => void): void {
  const client = useClient()
  const latest = useRef(changed)
  useEffect(() => {
    latest.current = changed
  }, [changed])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        latest.current()
      }, TOGETHER_MS)
    }
    const stop = client.listen(update => concerns(update, kinds) && soon())
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [client, kinds])
}

function concerns(update: Update, kinds: readonly string[]): boolean {
  return update.kind === 'event' && kinds.includes(update.event.k)
}
