import { BellOff, BellRing, Volume2 } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Answer } from './Answer.tsx'
import type { Call } from './alerts.ts'
import { Content } from './Content.tsx'
import { useAlerts } from './hooks.ts'
import type { Ringing } from './useRinging.ts'

/**
 * So long nothing of a new alert can be pressed: whoever presses something, or twice, meant what
 * was there before.
 */
const EARLY_MS = 700

/**
 * An alert over everything, until it is answered. It is the platform's own dialog: focus stays
 * inside, and a later one lies over an earlier one. Escape does not answer it; it can only be put
 * aside, also by going back.
 */
export function Alert({ call, of, ringing }: { call: Call; of: number; ringing: Ringing }) {
  const t = useText()
  const alerts = useAlerts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [heading, words] = [useId(), useId()]
  const { rung, hush } = ringing
  const early = useEarly()
  const later = () => alerts.later(call.key)
  useShown(dialog, later)
  useSeen(call)
  return (
    <dialog
      ref={dialog}
      className="ding-alert"
      role="alertdialog"
      aria-modal="true"
      aria-labelledby={heading}
      aria-describedby={words}
    >
      <header className="ding-alert-head">
        <BellRing aria-hidden="true" className={rung === 'rings' ? 'ding-rings' : undefined} />
        <h2 id={heading}>{t('ding.alert')}</h2>
        {of > 1 && <p>{t('ding.of', { at: 1, of })}</p>}
        <Button look="quiet" disabled={early} onClick={later}>
          {t('ding.later')}
        </Button>
      </header>
      <div className="ding-alert-body">
        {rung === 'rings' && (
          <Button look="quiet" icon={<BellOff />} onClick={hush}>
            {t('ding.hush')}
          </Button>
        )}
        {/* A touch of anything is enough: the button says so. */}
        {rung === 'blocked' && <Button icon={<Volume2 />}>{t('ding.unmute')}</Button>}
        <Content ding={call.ding} id={words} onLeave={later} />
      </div>
      <footer className="ding-alert-foot">
        <Answer ding={call.ding} early={early} onBegin={hush} />
      </footer>
    </dialog>
  )
}

/** Whether an alert has just appeared. */
function useEarly(): boolean {
  const [early, setEarly] = useState(true)
  useEffect(() => {
    const timer = setTimeout(() => setEarly(false), EARLY_MS)
    return () => clearTimeout(timer)
  }, [])
  return early
}

/** What TypeScript's library does not have yet. */
interface NavigateEvent extends Event {
  readonly navigationType: 'push' | 'replace' | 'reload' | 'traverse'
}

/**
 * Before everything else as long as it is there, and the focus back where it was afterwards. Going
 * back, and what else closes a dialog, puts the alert aside and leaves the page under it.
 */
function useShown(dialog: React.RefObject<HTMLDialogElement | null>, later: () => void): void {
  const latest = useRef(later)
  useEffect(() => {
    latest.current = later
  }, [later])
  useEffect(() => {
    const over = new AbortController()
    const { signal } = over
    const opener = document.activeElement
    const shown = dialog.current
    shown?.showModal()
    // Nobody confirms by the key that they are pressing for something else.
    shown?.querySelector<HTMLElement>('[data-words]')?.focus()
    // A phone's way back closes a dialog in some browsers, and leads to another page in others.
    shown?.addEventListener('close', () => shown.open || latest.current(), { signal })
    // Pressed twice, a browser closes a dialog whatever the page says, wherever the focus is.
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') event.preventDefault()
    }
    document.addEventListener('keydown', press, { capture: true, signal })
    const back = (event: Event) => {
      if ((event as NavigateEvent).navigationType !== 'traverse' || !event.cancelable) return
      event.preventDefault()
      latest.current()
    }
    const { navigation } = window as unknown as { navigation?: EventTarget }
    navigation?.addEventListener('navigate', back, { signal })
    return () => {
      over.abort()
      shown?.close()
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [dialog])
}

/** Tells that somebody looks at it, once they do. */
function useSeen({ ding }: Call): void {
  const alerts = useAlerts()
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each alert
  useEffect(() => {
    const look = () => {
      if (document.visibilityState !== 'visible') return
      document.removeEventListener('visibilitychange', look)
      alerts.seen(ding)
    }
    document.addEventListener('visibilitychange', look)
    look()
    return () => document.removeEventListener('visibilitychange', look)
  }, [alerts, ding.ding])
}
