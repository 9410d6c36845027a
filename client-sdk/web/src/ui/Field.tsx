import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'
import './field.css'

interface Described {
  /** What belongs in here. */
  label: string
  /** What helps to fill it in. */
  hint?: ReactNode
  /** What is wrong with it. */
  error?: string | undefined
}

function Around({
  id,
  label,
  hint,
  error,
  children,
}: Described & { id: string; children: ReactNode }) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="field-hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}

function describedBy(id: string, hint: ReactNode, error: string | undefined) {
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean)
  return {
    'aria-describedby': ids.join(' ') || undefined,
    'aria-invalid': error ? true : undefined,
  }
}

/** A line to write in, with its label. */
export function Field({
  label,
  hint,
  error,
  ...native
}: Described & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <input {...native} id={id} className="input" {...describedBy(id, hint, error)} />
    </Around>
  )
}

/** Several lines to write in, with their label. */
export function TextArea({
  label,
  hint,
  error,
  ...native
}: Described & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <textarea {...native} id={id} className="input" {...describedBy(id, hint, error)} />
    </Around>
  )
}

/** A choice of a few, with its label. */
export function Select({
  label,
  hint,
  error,
  children,
  ...native
}: Described & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <select {...native} id={id} className="input" {...describedBy(id, hint, error)}>
        {children}
      </select>
    </Around>
  )
}

/** Something that is on or off. */
export function Check({
  label,
  hint,
  ...native
}: { label: ReactNode; hint?: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className="check">
      <input
        {...native}
        id={id}
        type={native.type ?? 'checkbox'}
        aria-describedby={hint && `${id}-hint`}
      />
      <label htmlFor={id}>
        {label}
        {hint && (
          <span id={`${id}-hint`} className="field-hint">
            {hint}
          </span>
        )}
      </label>
    </div>
  )
}
