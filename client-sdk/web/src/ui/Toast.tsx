import { X } from 'lucide-react'
import { create } from 'zustand'
import { useText } from '../texts/language.tsx'
import { IconButton } from './Button.tsx'
import './toast.css'

/** So many are shown at once; the oldest goes first. */
const TOASTS_MAX = 3
/** Long enough to read two lines slowly. Errors stay until they are closed. */
const SHOWN_MS = 6_000

interface Toast {
  id: number
  tone: 'good' | 'danger'
  words: string
}

const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }))
let last = 0

function remove(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter(toast => toast.id !== id) }))
}

/** Tells what happened, without taking the focus. */
export function toast(tone: Toast['tone'], words: string): void {
  last += 1
  const added: Toast = { id: last, tone, words }
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts, added].slice(-TOASTS_MAX) }))
  if (tone === 'good') setTimeout(() => remove(added.id), SHOWN_MS)
}

/** Where they appear; stands once in the app. */
export function Toasts() {
  const t = useText()
  const toasts = useToasts(state => state.toasts)
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, tone, words }) => (
        <div key={id} className={`toast toast-${tone}`}>
          <span>{words}</span>
          <IconButton label={t('close')} icon={<X />} onClick={() => remove(id)} />
        </div>
      ))}
    </div>
  )
}
