import { useState } from 'react'
import { useLocation } from 'wouter'
import { Form, type Meaning, useForm } from '../app/form.tsx'
import { ask, begin } from '../app/session.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Door } from './Door.tsx'
import { useToken } from './fragment.ts'
import { NewPassword, sameTwice } from './NewPassword.tsx'
import { OwnLogin, OwnName } from './Oneself.tsx'

const FIELDS = ['org', 'name', 'login', 'password', 'repeat']

const meaning: Meaning = ({ code, field }) => {
  const dead = code === 'E_UNAUTH' || code === 'E_NOT_FOUND' || code === 'E_CONFLICT'
  return dead || field === 'token' ? { key: 'setup.dead' } : undefined
}

/** The first start: makes the organisation and its first person. */
export default function Setup() {
  const t = useText()
  const language = useLanguage()
  const [, navigate] = useLocation()
  const token = useToken()
  const form = useForm(FIELDS, meaning)
  const [values, setValues] = useState({ org: '', name: '', login: '', password: '', repeat: '' })
  const change = (field: keyof typeof values) => (value: string) =>
    setValues({ ...values, [field]: value })
  const submit = async () => {
    const { repeat, ...rest } = values
    sameTwice(rest.password, repeat)
    await ask('session.setup', { ...rest, login: rest.login.trim(), token })
    // Nobody has said yet which language the organisation speaks: this one is understood.
    await begin(language)
    navigate('/', { replace: true })
  }
  if (!token) {
    return (
      <Door title={t('setup.title')}>
        <Banner tone="attention">{t('link.lost')}</Banner>
        <a href="/">{t('signin.go')}</a>
      </Door>
    )
  }
  return (
    <Door title={t('setup.title')}>
      <p>{t('setup.words')}</p>
      <Form task={form} onSubmit={submit}>
        <Field
          label={t('setup.org')}
          autoComplete="organization"
          value={values.org}
          error={form.at('org')}
          onChange={event => change('org')(event.target.value)}
        />
        <OwnName form={form} value={values.name} onChange={change('name')} />
        <OwnLogin form={form} value={values.login} onChange={change('login')} />
        <NewPassword
          form={form}
          password={values.password}
          repeat={values.repeat}
          onPassword={change('password')}
          onRepeat={change('repeat')}
        />
        <Button look="primary" type="submit" busy={form.busy}>
          {t('setup.go')}
        </Button>
      </Form>
    </Door>
  )
}
