import { BellRing, Building2, MessagesSquare, Settings, Users } from 'lucide-react'
import { lazy, type ReactNode, Suspense } from 'react'
import { Link, useLocation, useRoute } from 'wouter'
import { Calls } from '../ding/Calls.tsx'
import { useAlertsState } from '../ding/hooks.ts'
import { useUnread } from '../model/hooks.ts'
import { usePushed } from '../push/usePushed.ts'
import { useNow } from '../rooms/now.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { ConnectionBanner } from './ConnectionBanner.tsx'
import { useChanges } from './changes.ts'
import { refreshMe } from './session.ts'
import './shell.css'
import { useUnreadInTitle } from './title.ts'
import { useClient, useMe } from './workspace.ts'

const Around = lazy(() => import('../rooms/Around.tsx'))

/** What may change who the person is, or what they may administer. */
const CHANGES_OF_ME = ['org.member_updated', 'org.role_changed', 'org.imported'] as const
/** More is not counted by eye. */
const BADGE_MAX = 99

/** The frame of the signed-in app: where one is, and whether there is a connection. */
export function Shell({ children }: { children: ReactNode }) {
  const t = useText()
  // On a phone an open conversation has the whole screen, as a meeting has.
  const [inConversation] = useRoute('/c/:conv')
  const [inMeeting] = useRoute('/meet/:room')
  const meeting = useNow(now => now.meeting)
  const client = useClient()
  usePushed(client)
  return (
    <div className={inConversation || inMeeting ? 'shell shell-conversation' : 'shell'}>
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <Navigation />
      <main id="main" className="shell-main" tabIndex={-1}>
        <ConnectionBanner client={client} words={t('connection.offline')} />
        <Calls />
        <Suspense fallback={null}>{meeting && <Around meeting={meeting} />}</Suspense>
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
  const client = useClient()
  const unread = useUnread()
  const alerts = useAlertsState(({ calls }) => calls.length)
  useUnreadInTitle(unread)
  // Not when a colleague changes: everybody hears that, and would ask at the same moment.
  useChanges(CHANGES_OF_ME, () => void refreshMe(client), me.user)
  return (
    <nav className="rail" aria-label={t('nav')}>
      <span className="rail-me">
        <Avatar id={me.user} name={me.name} />
      </span>
      <Section to="/" also="/c/" icon={<MessagesSquare />} label={t('nav.chats')} unread={unread} />
      <Section to="/ding" also="/ding/" icon={<BellRing />} label={t('nav.ding')} alerts={alerts} />
      <Section to="/people" icon={<Users />} label={t('nav.people')} />
      {me.permissions.length > 0 && (
        <Section to="/admin" icon={<Building2 />} label={t('nav.admin')} />
      )}
      <Section to="/settings" icon={<Settings />} label={t('nav.settings')} />
    </nav>
  )
}

function Section(props: {
  to: string
  also?: string
  icon: ReactNode
  label: string
  unread?: number
  alerts?: number
}) {
  const t = useText()
  const { to, also = to, icon, label, unread = 0, alerts = 0 } = props
  const count = unread + alerts
  const [path] = useLocation()
  const here = path === to || (also !== '/' && path.startsWith(also))
  return (
    <Link to={to} className="rail-section" aria-current={here ? 'page' : undefined}>
      {icon}
      <span>{label}</span>
      {count > 0 && (
        <>
          <span className="rail-badge" aria-hidden="true">
            {count > BADGE_MAX ? `${BADGE_MAX}+` : count}
          </span>
          <span className="visually-hidden">
            {alerts > 0 ? t('ding.open', { count }) : t('nav.unread', { count })}
          </span>
        </>
      )}
    </Link>
  )
}
