import { Eye, EyeOff } from 'lucide-react'
import { type InputHTMLAttributes, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from './Button.tsx'
import { Field } from './Field.tsx'
import './password.css'

export interface PasswordProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: string
  error?: string | undefined
  autoComplete: 'current-password' | 'new-password'
}

/** A password, hidden until the person wants to see it. */
export function Password(props: PasswordProps) {
  const t = useText()
  const [shown, setShown] = useState(false)
  return (
    <div className="password">
      <Field
        {...props}
        type={shown ? 'text' : 'password'}
        autoCapitalize="none"
        spellCheck={false}
      />
      <IconButton
        className="password-eye"
        label={shown ? t('password.hide') : t('password.show')}
        icon={shown ? <EyeOff /> : <Eye />}
        onClick={() => setShown(!shown)}
      />
    </div>
  )
}
