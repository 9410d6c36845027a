import type { Client } from '@carillon/client'
import { useEffect } from 'react'
import { useLocation } from 'wouter'
import { useLanguage } from '../texts/language.tsx'
import { ownDevice } from './own.ts'

/** What the signed-in app does about push messages while it is open. */
export function usePushed(client: Client): void {
  const [, go] = useLocation()
  const language = useLanguage()
  useEffect(() => onOpened(go), [go])
  useEffect(() => {
    if (ownDevice() === undefined) return
    // What fails now is tried with the next load; until then the old way holds.
    import('./device.ts').then(({ keepOn }) => keepOn(client, language)).catch(() => {})
  }, [client, language])
}

/** Whoever presses a notification is led to its place in the app. */
function onOpened(go: (link: string) => void): () => void {
  const workers = 'serviceWorker' in navigator ? navigator.serviceWorker : undefined
  const told = ({ data }: MessageEvent) => {
    const { kind, link } = (data ?? {}) as { kind?: unknown; link?: unknown }
    if (kind === 'open' && typeof link === 'string') go(link)
  }
  workers?.addEventListener('message', told)
  return () => workers?.removeEventListener('message', told)
}
