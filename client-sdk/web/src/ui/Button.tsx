import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { Spinner } from './Spinner.tsx'
import './button.css'

type Native = ButtonHTMLAttributes<HTMLButtonElement>

export interface ButtonProps extends Native {
  /** `primary`: the one thing to do here. `plain`: beside it. `danger`: takes something away. */
  look?: 'primary' | 'plain' | 'quiet' | 'danger'
  /** Work is under way: it cannot be pressed again, and shows that. */
  busy?: boolean
  icon?: ReactNode
}

/** A button with words. */
export function Button({ look = 'plain', busy = false, icon, children, ...rest }: ButtonProps) {
  const { className = '', disabled, type = 'button', ...native } = rest
  return (
    <button
      {...native}
      type={type}
      className={`button button-${look} ${className}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    >
      {busy ? <Spinner /> : icon}
      <span>{children}</span>
    </button>
  )
}

export interface IconButtonProps extends Native {
  /** What it does, for the ear and as a tooltip. */
  label: string
  icon: ReactNode
}

/** A button with a picture. */
export function IconButton({ label, icon, className = '', ...native }: IconButtonProps) {
  return (
    <button
      type="button"
      {...native}
      className={`icon-button ${className}`}
      aria-label={label}
      title={label}
    >
      {icon}
    </button>
  )
}
