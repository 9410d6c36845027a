import { Component, lazy, type ReactNode, Suspense, useEffect } from 'react'
import { Link, Redirect, Route, Switch, useLocation } from 'wouter'
import { Chats } from '../chat/Chats.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { Toasts } from '../ui/Toast.tsx'
import { Page } from './Page.tsx'
import { Shell } from './Shell.tsx'
import { begin, useSession } from './session.ts'

const SignIn = lazy(() => import('../signin/SignIn.tsx'))
const Setup = lazy(() => import('../signin/Setup.tsx'))
const Join = lazy(() => import('../signin/Join.tsx'))
const Guest = lazy(() => import('../guest/Guest.tsx'))
const People = lazy(() => import('../people/People.tsx'))
const Admin = lazy(() => import('../admin/Admin.tsx'))
const Meet = lazy(() => import('../rooms/Meet.tsx'))
const Dings = lazy(() => import('../ding/Dings.tsx'))
const Settings = lazy(() => import('../settings/Settings.tsx'))

export function App() {
  useEffect(() => void begin(), [])
  return (
    <Unbroken>
      <Suspense fallback={<Skeleton />}>
        <Switch>
          <Route path="/setup" component={Setup} />
          <Route path="/join" component={Join} />
          <Route path="/guest" component={Guest} />
          <Route>
            <SignedIn />
          </Route>
        </Switch>
      </Suspense>
      <Toasts />
    </Unbroken>
  )
}

function SignedIn() {
  const t = useText()
  const state = useSession(session => session.state)
  const [path] = useLocation()
  // Whatever broke in one section, the others are a click away. All conversations are one.
  const section = path.split('/')[1]?.replace(/^c$/, '')
  if (state === 'loading') return <Skeleton />
  if (state === 'out') return <SignIn />
  if (state === 'unreachable') return <Unreachable />
  return (
    <Shell>
      <Unbroken key={section}>
        <Switch>
          <Route path="/" component={Chats} />
          <Route path="/c/:conv" component={Chats} />
          <Route path="/people/*?" component={People} />
          <Route path="/admin/*?" component={Admin} />
          <Route path="/meet/:room" component={Meet} />
          <Route path="/ding/*?" component={Dings} />
          <Route path="/settings/*?" component={Settings} />
          <Route path="/signin">
            <Redirect to="/" />
          </Route>
          <Route>
            <Page title={t('page.missing')}>
              <p>
                <Link to="/">{t('page.home')}</Link>
              </p>
            </Page>
          </Route>
        </Switch>
      </Unbroken>
    </Shell>
  )
}

/** The server cannot be reached, or this browser keeps nothing: it does not tell who is there. */
function Unreachable() {
  const t = useText()
  const because = useSession(session => (session.state === 'unreachable' ? session.because : null))
  return (
    <Empty title={failure(t, because)}>
      <Button look="primary" onClick={() => void begin()}>
        {t('retry')}
      </Button>
    </Empty>
  )
}

/** A fault in one part must not leave an empty screen. */
class Unbroken extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    return this.state.broken ? <Broken /> : this.props.children
  }
}

function Broken() {
  const t = useText()
  return (
    <Empty title={t('page.broken')}>
      <Button look="primary" onClick={() => location.reload()}>
        {t('page.reload')}
      </Button>
    </Empty>
  )
}
