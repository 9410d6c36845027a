import { useState } from 'react'
import { Form, type Meaning, useForm } from '../app/form.tsx'
import { Section } from '../app/Page.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { NewPassword, sameTwice } from '../signin/NewPassword.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Password } from '../ui/Password.tsx'
import { toast } from '../ui/Toast.tsx'

const NOTHING = { old: '', new: '', repeat: '' }

const meaning: Meaning = ({ code }) =>
  code === 'E_RATE' ? { field: 'old', key: 'signin.rate' } : undefined

/** Another password, which signs every other device out. */
export function NewOwnPassword() {
  const t = useText()
  const client = useClient()
  const { login } = useMe()
  const form = useForm(['old', 'new', 'repeat'], meaning)
  const [values, setValues] = useState(NOTHING)
  const change = async () => {
    sameTwice(values.new, values.repeat)
    await client.call('session.password', { old: values.old, new: values.new })
    setValues(NOTHING)
    toast('good', t('settings.password.changed'))
  }
  return (
    <Section title={t('settings.password')} hint={t('settings.password.hint')}>
      <Form task={form} onSubmit={change}>
        {/* Tells the browser's password store whose password changes. */}
        <input
          className="visually-hidden"
          aria-hidden="true"
          tabIndex={-1}
          readOnly
          name="username"
          autoComplete="username"
          value={login}
        />
        <Password
          label={t('settings.password.old')}
          autoComplete="current-password"
          value={values.old}
          error={form.at('old')}
          onChange={event => setValues({ ...values, old: event.target.value })}
        />
        <NewPassword
          form={form}
          field="new"
          password={values.new}
          repeat={values.repeat}
          onPassword={password => setValues({ ...values, new: password })}
          onRepeat={repeat => setValues({ ...values, repeat })}
        />
        <div className="form-actions">
          <Button type="submit" look="primary" busy={form.busy}>
            {t('settings.password.change')}
          </Button>
        </div>
      </Form>
    </Section>
  )
}
