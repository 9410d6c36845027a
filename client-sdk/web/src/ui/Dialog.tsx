import { X } from 'lucide-react'
import { type ReactNode, type SyntheticEvent, useEffect, useId, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from './Button.tsx'
import './dialog.css'

export interface DialogProps {
  title: string
  onClose: () => void
  children: ReactNode
  /** What to do, at the lower edge. */
  actions?: ReactNode
  /** Stays when somebody clicks beside it: what it shows is not shown again. */
  firm?: boolean
}

/**
 * A question or a form before everything else. It is the platform's own: focus stays inside,
 * Escape closes it, and where the focus was before it comes back to. What has `data-autofocus` is
 * where one begins.
 */
export function Dialog({ title, onClose, children, actions, firm = false }: DialogProps) {
  const t = useText()
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  // Whoever marks a text and lets go beside the dialog has not clicked beside it.
  const pressedBeside = useRef(false)
  useEffect(() => {
    const opener = document.activeElement
    dialog.current?.showModal()
    dialog.current?.querySelector<HTMLElement>('[data-autofocus]')?.focus()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  // React passes on what happens to a dialog inside this one.
  const ofItself = (event: SyntheticEvent) => {
    if (event.target === dialog.current) onClose()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={heading}
      onClose={ofItself}
      onCancel={event => {
        event.preventDefault()
        ofItself(event)
      }}
      onPointerDown={event => {
        pressedBeside.current = event.target === dialog.current
      }}
      onClick={event => {
        if (event.target === dialog.current && pressedBeside.current && !firm) onClose()
      }}
    >
      <div className="dialog-sheet">
        <header className="dialog-head">
          <h2 id={heading}>{title}</h2>
          <IconButton label={t('close')} icon={<X />} onClick={onClose} />
        </header>
        <div className="dialog-body">{children}</div>
        {actions && <footer className="dialog-actions">{actions}</footer>}
      </div>
    </dialog>
  )
}
