import { Building2, MessagesSquare, Settings, Users } from 'lucide-react'
import { type ReactNode, Suspense, useSyncExternalStore } from 'react'
import { Link, useLocation, useRoute } from 'wouter'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Skeleton, Spinner } from '../ui/Spinner.tsx'
import './shell.css'
import { useClient, useMe } from './workspace.ts'

/** The frame of the signed-in app: where one is, and whether there is a connection. */
export function Shell({ children }: { children: ReactNode }) {
  const t = useText()
  // On a phone an open conversation has the whole screen.
  const [inConversation] = useRoute('/c/:conv')
  return (
    <div className={inConversation ? 'shell shell-conversation' : 'shell'}>
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <Navigation />
      <main id="main" className="shell-main" tabIndex={-1}>
        <ConnectionBanner />
        <div className="shell-page">
          <Suspense fallback={<Skeleton />}>{children}</Suspense>
        </div>
      </main>
    </div>
  )
}

function Navigation() {
  const t = useText()
  const me = useMe()
  return (
    <nav className="rail" aria-label={t('nav')}>
      <span className="rail-me">
        <Avatar id={me.user} name={me.name} />
      </span>
      <Section to="/" also="/c/" icon={<MessagesSquare />} label={t('nav.chats')} />
      <Section to="/people" icon={<Users />} label={t('nav.people')} />
      {me.permissions.length > 0 && (
        <Section to="/admin" icon={<Building2 />} label={t('nav.admin')} />
      )}
      <Section to="/settings" icon={<Settings />} label={t('nav.settings')} />
    </nav>
  )
}

function Section(props: { to: string; also?: string; icon: ReactNode; label: string }) {
  const { to, also = to, icon, label } = props
  const [path] = useLocation()
  const here = path === to || (also !== '/' && path.startsWith(also))
  return (
    <Link to={to} className="rail-section" aria-current={here ? 'page' : undefined}>
      {icon}
      <span>{label}</span>
    </Link>
  )
}

function ConnectionBanner() {
  const t = useText()
  const client = useClient()
  const connection = useSyncExternalStore(
    tell => client.listen(update => update.kind === 'connection' && tell()),
    () => client.connection,
  )
  if (connection.state !== 'offline') return null
  return (
    <Banner
      tone="attention"
      action={
        <Button look="plain" icon={<Spinner />} onClick={() => client.reconnect()}>
          {t('connection.now')}
        </Button>
      }
    >
      {t('connection.offline')}
    </Banner>
  )
}
