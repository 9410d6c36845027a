import type { DingId } from '@carillon/client'
import { useEffect, useRef } from 'react'
import { useClient } from '../app/workspace.ts'
import { Soon } from '../model/soon.ts'

/** What happens to several people at once is looked at together: once a second at most. */
const TOGETHER_MS = 1_000

/**
 * Calls `changed` soon after something happened to an alert, or to any; and after an absence.
 * Nobody looks at a page that is hidden: it asks when it is shown again.
 *
 * @param pages how many calls `changed` makes, of which there is one a second, however long a list
 */
export function useDingChanges(changed: () => void, ding?: DingId, pages = 1): void {
  const client = useClient()
  const latest = useRef({ changed, pages })
  useEffect(() => {
    latest.current = { changed, pages }
  }, [changed, pages])
  useEffect(() => {
    let missed = false
    const look = () => {
      missed = document.hidden
      if (!missed) latest.current.changed()
    }
    const soon = new Soon(look)
    const shown = () => {
      if (missed) look()
    }
    document.addEventListener('visibilitychange', shown)
    const stop = client.listen(update => {
      if (update.kind === 'synced') return soon.in(0)
      const told =
        update.kind === 'event'
          ? update.event
          : update.kind === 'ephemeral'
            ? update.ephemeral
            : undefined
      if (!told?.k.startsWith('ding.')) return
      const { ding: which } = told.data as { ding?: unknown }
      const id = typeof which === 'string' ? which : told.topic?.replace(/^x:ding:/, '')
      // An alert that somebody is called by comes whole.
      if (ding === undefined || id === ding) soon.in(TOGETHER_MS * latest.current.pages)
    })
    return () => {
      document.removeEventListener('visibilitychange', shown)
      stop()
      soon.cancel()
    }
  }, [client, ding])
}
