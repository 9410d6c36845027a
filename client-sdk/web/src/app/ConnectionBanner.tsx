import type { Client } from '@carillon/client'
import { useEffect, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Spinner } from '../ui/Spinner.tsx'

/** There is no connection, and it is tried again. */
export function ConnectionBanner({ client, words }: { client: Client; words: string }) {
  const t = useText()
  const isShown = useSteady(useIsOffline(client))
  if (!isShown) return null
  return (
    <Banner
      tone="attention"
      action={
        <Button look="plain" icon={<Spinner />} onClick={() => client.reconnect()}>
          {t('connection.now')}
        </Button>
      }
    >
      {words}
    </Banner>
  )
}

/** Whether the connection is gone: a try to connect is no connection yet. */
export function useIsOffline(client: Client): boolean {
  const [offline, setOffline] = useState(client.connection.state === 'offline')
  useEffect(() => {
    const look = () => {
      const { state } = client.connection
      if (state !== 'connecting') setOffline(state === 'offline')
    }
    look()
    return client.listen(update => update.kind === 'connection' && look())
  }, [client])
  return offline
}

/** What is over sooner than this was not worth a word. */
const SHOWN_AFTER_MS = 1_000
/** What came up stays as long as one needs to see what it was. */
const SHOWN_MIN_MS = 1_000

/** The same without flickering. */
function useSteady(is: boolean): boolean {
  const [shown, setShown] = useState(false)
  const since = useRef(0)
  useEffect(() => {
    if (is === shown) return
    const rest = Math.max(0, since.current + SHOWN_MIN_MS - performance.now())
    const timer = setTimeout(
      () => {
        since.current = performance.now()
        setShown(is)
      },
      is ? SHOWN_AFTER_MS : rest,
    )
    return () => clearTimeout(timer)
  }, [is, shown])
  return shown
}
