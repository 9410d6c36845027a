import type { EventData, Update, UserId } from '@carillon/client'
import { useEffect, useRef } from 'react'
import { Soon, spread } from '../model/soon.ts'
import { useClient, useMe } from './workspace.ts'

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
  const me = useMe().user
  const latest = useRef(changed)
  useEffect(() => {
    latest.current = changed
  }, [changed])
  useEffect(() => {
    const soon = new Soon(() => latest.current())
    const stop = client.listen(update => {
      if (update.kind !== 'event' || !concerns(update, kinds, user)) return
      soon.in(TOGETHER_MS + spread(update.event, me))
    })
    return () => {
      stop()
      soon.cancel()
    }
  }, [client, kinds, user, me])
}

/** Whether an update is one of these events, and not of another person than this one. */
export function concerns(update: Update, kinds: readonly string[], user?: UserId): boolean {
  if (update.kind !== 'event' || !kinds.includes(update.event.k)) return false
  const { user: whose = user } = update.event.data as { user?: UserId }
  return user === undefined || whose === user
}
