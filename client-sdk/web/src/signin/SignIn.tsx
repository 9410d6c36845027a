import { useEffect, useState } from 'react'
import type { Language } from '../../texts/plugin.ts'
import { deviceLabel } from '../app/device.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Form, type Meaning, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { ask, begin, lookAgain, useSession } from '../app/session.ts'
import { failure } from '../texts/failure.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Password } from '../ui/Password.tsx'
import { DemoPeople } from './DemoPeople.tsx'
import { Door } from './Door.tsx'
import { useSecondsLeft } from './wait.ts'

/** How one gets in: by name and password, or as one of the demo's people. */
export default function SignIn() {
  const t = useText()
  const methods = useLoad(() => ask('session.methods', {}), 'methods')
  const language = useLanguage()
  const [chosen, setChosen] = useState<Language>()
  const offered = methods.state === 'there' ? methods.value : undefined
  useEffect(() => {
    const seen = () => document.visibilityState === 'visible' && void lookAgain()
    document.addEventListener('visibilitychange', seen)
    return () => document.removeEventListener('visibilitychange', seen)
  }, [])
  const enter = async (login: string, password: string, speaking = chosen) => {
    await ask('session.login', { login, password, label: deviceLabel() })
    await begin(speaking)
  }
  return (
    <Door
      title={t(offered?.setup ? 'setup.needed' : 'signin.title')}
      org={offered?.org}
      onLanguage={setChosen}
    >
      <WhyOut />
      <Fetched loaded={methods}>
        {({ setup, demo }) => {
          if (setup) return <SetupNeeded />
          return (
            <>
              {demo && (
                // Whoever they choose to be, they understood this page.
                <DemoPeople demo={demo} onChoose={login => enter(login, demo.password, language)} />
              )}
              {demo && <h2 className="door-or">{t('signin.byPassword')}</h2>}
              <ByPassword onSubmit={enter} focused={!demo} />
            </>
          )
        }}
      </Fetched>
    </Door>
  )
}

/** Why somebody who was inside a moment ago is not any more. */
function WhyOut() {
  const t = useText()
  const session = useSession()
  if (session.state !== 'out' || !session.because) return null
  const { because } = session
  const words = because.retry === 'reauth' ? t('signin.ended') : failure(t, because)
  return <Banner tone="attention">{words}</Banner>
}

function SetupNeeded() {
  const t = useText()
  return (
    <div className="form">
      <p>{t('setup.needed.words')}</p>
      <ol className="door-steps">
        <li>{t('setup.needed.look')}</li>
        <li>{t('setup.needed.open')}</li>
        <li>{t('setup.needed.again')}</li>
      </ol>
    </div>
  )
}

const meaning: Meaning = ({ code, field }) => {
  if (code === 'E_UNAUTH') return { key: 'signin.wrong' }
  // No such name can exist: to the person that is a wrong one like every other.
  if (code === 'E_BAD_ARG' && field === 'login') return { key: 'signin.wrong' }
  return code === 'E_RATE' ? { key: 'signin.rate' } : undefined
}

function ByPassword({
  onSubmit,
  focused,
}: {
  onSubmit: (login: string, password: string) => Promise<void>
  focused: boolean
}) {
  const t = useText()
  const [login, setLogin] = useState('')
  const [password, setPassword] = useState('')
  const form = useForm([], meaning)
  const seconds = useSecondsLeft(form.error)
  const [empty, setEmpty] = useState(false)
  useEffect(() => setEmpty(empty => empty && !(login && password)), [login, password])
  const submit = async () => {
    if (!login.trim() || !password) return setEmpty(true)
    await onSubmit(login.trim(), password)
  }
  return (
    <Form task={form} onSubmit={submit}>
      <Field
        label={t('signin.login')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        autoFocus={focused}
        value={login}
        error={empty && !login.trim() ? t('signin.login.empty') : undefined}
        onChange={event => setLogin(event.target.value)}
      />
      <Password
        label={t('signin.password')}
        name="password"
        autoComplete="current-password"
        value={password}
        error={empty && !password ? t('signin.password.empty') : undefined}
        onChange={event => setPassword(event.target.value)}
      />
      <Button look="primary" type="submit" busy={form.busy} disabled={seconds > 0}>
        {seconds > 0 ? t('signin.wait', { count: seconds }) : t('signin.enter')}
      </Button>
      <p className="soft">{t('signin.forgotten')}</p>
    </Form>
  )
}
