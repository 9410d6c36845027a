import { BellOff, BellRing } from 'lucide-react'
import { useEffect, useId, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Answer } from './Answer.tsx'
import type { Call } from './alerts.ts'
import { Content } from './Content.tsx'
import { useAlerts } from './hooks.ts'
import { useRinging } from './useRinging.ts'

/**
 * An alert over everything, until it is answered. It is the platform's own dialog: focus stays
 * inside, and a later one lies over an earlier one. Escape does not answer it; it can only be put
 * aside.
 */
export function Alert({ call, of }: { call: Call; of: number }) {
  const t = useText()
  const alerts = useAlerts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [heading, words] = [useId(), useId()]
  const { rung, hush } = useRinging(call)
  useShown(dialog)
  useSeen(call)
  return (
    <dialog
      ref={dialog}
      className="ding-alert"
      role="alertdialog"
      aria-modal="true"
      aria-labelledby={heading}
      aria-describedby={words}
      onCancel={event => event.preventDefault()}
      onKeyDown={event => {
        // Pressed twice, a browser closes a dialog whatever the page says.
        if (event.key === 'Escape') event.preventDefault()
      }}
    >
      <header className="ding-alert-head">
        <BellRing aria-hidden="true" className={rung === 'rings' ? 'ding-rings' : undefined} />
        <h2 id={heading}>{t('ding.alert')}</h2>
        {of > 1 && <p>{t('ding.of', { at: 1, of })}</p>}
        <Button look="quiet" onClick={() => alerts.later(call.key)}>
          {t('ding.later')}
        </Button>
      </header>
      <div className="ding-alert-body">
        {rung === 'rings' && (
          <Button look="quiet" icon={<BellOff />} onClick={hush}>
            {t('ding.hush')}
          </Button>
        )}
        {rung === 'blocked' && <p className="ding-silent">{t('ding.silent')}</p>}
        <Content ding={call.ding} id={words} onLeave={() => alerts.later(call.key)} />
      </div>
      <footer className="ding-alert-foot">
        <Answer
          ding={call.ding}
          answering={call.answering}
          onConfirm={reply => alerts.confirm(call, reply)}
          onDecline={reason => alerts.decline(call, reason)}
          onWrite={hush}
        />
      </footer>
    </dialog>
  )
}

/** Before everything else as long as it is there, and the focus back where it was afterwards. */
function useShown(dialog: React.RefObject<HTMLDialogElement | null>): void {
  useEffect(() => {
    const opener = document.activeElement
    const shown = dialog.current
    shown?.showModal()
    // Nobody confirms by the key that they are pressing for something else.
    shown?.querySelector<HTMLElement>('[data-words]')?.focus()
    return () => {
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
