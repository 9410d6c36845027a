import type { EventData, Update, UserId } from '@carillon/client'
import { useEffect, useRef } from 'react'
import { useClient } from './workspace.ts'

/** Several changes at once, as of an import or of a person's many rows, are looked at together. */
const TOGETHER_MS = 200

/**
 * Calls `changed` soon after one of these kinds of events, also one that was caught up with.
 *
 * @param user leaves out what concerns another person only
 */
export function useChanges(
  kinds: readonly (keyof EventData)[],
  changed: () => void,
  user?: UserId,
): void {
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
    const stop = client.listen(update => concerns(update, kinds, user) && soon())
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [client, kinds, user])
}

/** Whether an update is one of these events, and not of another person than this one. */
export function concerns(update: Update, kinds: readonly string[], user?: UserId): boolean {
  if (update.kind !== 'event' || !kinds.includes(update.event.k)) return false
  const { user: whose = user } = update.event.data as { user?: UserId }
  return user === undefined || whose === user
}
