import type { FormTask } from '../app/form.tsx'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Password } from '../ui/Password.tsx'

/** A new password, written twice so that a slip does not lock its owner out. */
export function NewPassword(props: {
  form: FormTask
  password: string
  repeat: string
  onPassword: (password: string) => void
  onRepeat: (repeat: string) => void
  /** What the server calls the password. */
  field?: string
}) {
  const t = useText()
  const { form, field = 'password' } = props
  return (
    <>
      <Password
        label={t('password.new')}
        hint={t('password.hint')}
        autoComplete="new-password"
        value={props.password}
        error={form.at(field)}
        onChange={event => props.onPassword(event.target.value)}
      />
      <Password
        label={t('password.repeat')}
        autoComplete="new-password"
        value={props.repeat}
        error={form.at('repeat')}
        onChange={event => props.onRepeat(event.target.value)}
      />
    </>
  )
}

/** Refuses two passwords that differ. */
export function sameTwice(password: string, repeat: string): void {
  if (password !== repeat) throw new Refused('repeat', 'wrong.repeat')
}
