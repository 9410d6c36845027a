import { X } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import './panel.css'
import { useIsSheet } from './panels.ts'

export interface PanelProps {
  title: string
  onClose: () => void
  children: ReactNode
}

/**
 * What belongs to a conversation: beside it where there is room, else over it. While a dialog is
 * `busy` above it, it stays as it is: in another place all of it would begin anew, and what is
 * shown only once would be gone when somebody turns their tablet.
 */
export function Panel({ busy = false, ...props }: PanelProps & { busy?: boolean }) {
  const fits = useIsSheet()
  const [isSheet, setIsSheet] = useState(fits)
  if (!busy && isSheet !== fits) setIsSheet(fits)
  return isSheet ? <Dialog {...props} /> : <Aside {...props} />
}

function Aside({ title, onClose, children }: PanelProps) {
  const t = useText()
  const heading = useId()
  const first = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    const opener = document.activeElement
    first.current?.focus()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <aside
      className="talk-panel"
      aria-labelledby={heading}
      onKeyDown={event => {
        if (event.key === 'Escape' && !isForSomethingElse(event)) onClose()
      }}
    >
      <header className="talk-panel-head">
        <h2 id={heading} ref={first} tabIndex={-1}>
          {title}
        </h2>
        <IconButton label={t('close')} icon={<X />} onClick={onClose} />
      </header>
      <div className="talk-panel-body">{children}</div>
    </aside>
  )
}

/** A dialog above the panel, a search that is emptied, characters that are not accepted. */
function isForSomethingElse({ target, nativeEvent }: KeyboardEvent): boolean {
  if (nativeEvent.isComposing || !(target instanceof Element)) return true
  const isFilled = target instanceof HTMLInputElement && target.value !== ''
  return isFilled || target.closest('dialog') !== null
}
