import { CarillonError, type Reply } from '@carillon/client'
import { useState } from 'react'
import type { Language } from '../../texts/plugin.ts'
import { deviceLabel } from '../app/device.ts'
import { Failed } from '../app/Fetched.tsx'
import { Form, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { ask, useSession } from '../app/session.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { Door } from './Door.tsx'
import { useToken } from './fragment.ts'
import { NewPassword, sameTwice } from './NewPassword.tsx'
import { OwnLogin, OwnName } from './Oneself.tsx'

type Seen = Reply<'org.invite.look'>

/** What an invitation opens: a new person, or a new password for one. */
export default function Join() {
  const t = useText()
  const token = useToken()
  const [language, setLanguage] = useState<Language>()
  const link = useLoad(async () => (token ? ask('org.invite.look', { token }) : undefined), token)
  const seen = link.state === 'there' ? link.value : undefined
  const title = seen?.login ? t('join.password') : seen ? t('join.title', { org: seen.org }) : ''
  return (
    <Door title={title || t('join.link')} org={seen?.org} onLanguage={setLanguage}>
      {link.state === 'loading' && <Skeleton />}
      {link.state === 'failed' && isDead(link.error) && <Dead />}
      {link.state === 'failed' && !isDead(link.error) && (
        <Failed error={link.error} again={link.again} />
      )}
      {link.state === 'there' && !seen && <Lost />}
      {seen && <AlreadyIn />}
      {seen && <Accept token={token} seen={seen} language={language} />}
    </Door>
  )
}

function isDead(error: unknown): boolean {
  const codes = ['E_NOT_FOUND', 'E_UNAUTH', 'E_TOKEN_EXPIRED', 'E_BAD_ARG']
  return error instanceof CarillonError && codes.includes(error.code)
}

function Dead() {
  const t = useText()
  return (
    <>
      <Banner tone="attention">{t('join.dead')}</Banner>
      <a href="/">{t('signin.go')}</a>
    </>
  )
}

function Lost() {
  const t = useText()
  return (
    <>
      <Banner tone="attention">{t('link.lost')}</Banner>
      <a href="/">{t('signin.go')}</a>
    </>
  )
}

/** On a shared device: whoever is signed in here will not be any more. */
function AlreadyIn() {
  const t = useText()
  const session = useSession()
  if (session.state !== 'in') return null
  return <Banner tone="attention">{t('join.alreadyIn', { name: session.me.name })}</Banner>
}

const FIELDS = ['name', 'login', 'password', 'repeat']

function Accept({
  token,
  seen,
  language,
}: {
  token: string
  seen: Seen
  /** What the person has chosen on this page. */
  language: Language | undefined
}) {
  const t = useText()
  const locale = useLanguage()
  const form = useForm(FIELDS)
  const [values, setValues] = useState({ name: '', login: '', password: '', repeat: '' })
  const change = (field: keyof typeof values) => (value: string) =>
    setValues({ ...values, [field]: value })
  const submit = async () => {
    const { password, repeat, name } = values
    sameTwice(password, repeat)
    const person = seen.login ? {} : { name, login: values.login.trim(), locale }
    await ask('org.invite.accept', { token, password, label: deviceLabel(), ...person })
    if (seen.login && language) await ask('org.member.update', { locale: language })
    location.replace('/')
  }
  return (
    <Form task={form} onSubmit={submit}>
      <p>{invitation(t, seen)}</p>
      {!seen.login && <OwnName form={form} value={values.name} onChange={change('name')} />}
      <OwnLogin
        form={form}
        value={seen.login ?? values.login}
        onChange={seen.login === undefined ? change('login') : undefined}
      />
      <NewPassword
        form={form}
        password={values.password}
        repeat={values.repeat}
        onPassword={change('password')}
        onRepeat={change('repeat')}
      />
      <Button look="primary" type="submit" busy={form.busy}>
        {seen.login ? t('join.set') : t('join.go')}
      </Button>
    </Form>
  )
}

function invitation(t: ReturnType<typeof useText>, { login, by, org, department }: Seen): string {
  if (login) return t('join.password.words', { by })
  return department ? t('join.into', { by, org, department }) : t('join.words', { by, org })
}
