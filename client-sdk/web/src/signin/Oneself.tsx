import type { FormTask } from '../app/form.tsx'
import { useText } from '../texts/language.tsx'
import { Field } from '../ui/Field.tsx'

/** What one is called by others. */
export function OwnName({
  form,
  value,
  onChange,
}: {
  form: FormTask
  value: string
  onChange: (name: string) => void
}) {
  const t = useText()
  return (
    <Field
      label={t('setup.name')}
      hint={t('setup.name.hint')}
      autoComplete="name"
      value={value}
      error={form.at('name')}
      onChange={event => onChange(event.target.value)}
    />
  )
}

/** The name that one signs in with. */
export function OwnLogin({
  form,
  value,
  onChange,
}: {
  form: FormTask
  value: string
  /** Absent where it is another's to choose. */
  onChange: ((login: string) => void) | undefined
}) {
  const t = useText()
  return (
    <Field
      label={t('signin.login')}
      hint={onChange ? t('signin.login.hint') : undefined}
      autoComplete="username"
      autoCapitalize="none"
      spellCheck={false}
      readOnly={!onChange}
      value={value}
      error={form.at('login')}
      onChange={event => onChange?.(event.target.value)}
    />
  )
}
