import {
  BellRing,
  Building2,
  FileUp,
  FolderTree,
  KeyRound,
  type LucideIcon,
  MessageSquareShare,
  Milestone,
  ScrollText,
  UserPlus,
  Users,
} from 'lucide-react'
import type { ReactNode } from 'react'
import { Link, Route, Switch, useLocation } from 'wouter'
import { DeliveryLog } from '../alerts/DeliveryLog.tsx'
import { DingRules } from '../alerts/DingRules.tsx'
import { Policies } from '../alerts/Policies.tsx'
import { WaysPage } from '../alerts/Ways.tsx'
import { useMe } from '../app/workspace.ts'
import { Audit } from '../audit/Audit.tsx'
import { useScreen } from '../model/hooks.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Empty } from '../ui/Notice.tsx'
import './admin.css'
import { Departments } from './Departments.tsx'
import { Import } from './Import.tsx'
import { Invitations } from './Invitations.tsx'
import { NewPerson } from './NewPerson.tsx'
import { Organisation } from './Organisation.tsx'
import { People } from './People.tsx'
import { Person } from './Person.tsx'
import { Roles } from './Roles.tsx'

interface Section {
  path: string
  title: Key
  icon: LucideIcon
  /** Who sees it. */
  permission: string
}

const SECTIONS: readonly Section[] = [
  { path: '/admin/people', title: 'admin.people', icon: Users, permission: 'people' },
  {
    path: '/admin/departments',
    title: 'people.departments',
    icon: FolderTree,
    permission: 'departments',
  },
  { path: '/admin/roles', title: 'admin.roles', icon: KeyRound, permission: 'roles' },
  { path: '/admin/invitations', title: 'admin.invitations', icon: UserPlus, permission: 'people' },
  { path: '/admin/import', title: 'admin.import', icon: FileUp, permission: 'people' },
  {
    path: '/admin/organisation',
    title: 'admin.organisation',
    icon: Building2,
    permission: 'organisation',
  },
  {
    path: '/admin/policies',
    title: 'policies',
    icon: Milestone,
    permission: 'organisation',
  },
  { path: '/admin/dings', title: 'dingRules', icon: BellRing, permission: 'organisation' },
  { path: '/admin/ways', title: 'ways', icon: MessageSquareShare, permission: 'organisation' },
  { path: '/admin/audit', title: 'admin.audit', icon: ScrollText, permission: 'organisation' },
]

/** Where the list of what there is to administer takes all the room. */
const ALONE = '(max-width: 1023px)'

/** What the person may administer, and nothing else. */
export default function Admin() {
  const t = useText()
  const { permissions } = useMe()
  const [path] = useLocation()
  const sections = SECTIONS.filter(({ permission }) => permissions.includes(permission))
  const first = sections[0]
  const isAlone = useScreen(ALONE)
  if (!first) return <Empty title={t('admin.nothing')} />
  // Beside the list the first of them shows; where there is no room for it, the list is all.
  const here = path === '/admin' && !isAlone ? first.path : path
  const allowed = sections.some(section => path.startsWith(section.path))
  return (
    <div className="admin" data-index={path === '/admin' ? '' : undefined}>
      <nav className="admin-nav" aria-label={t('nav.admin')}>
        <h1 className="admin-name">{t('nav.admin')}</h1>
        <ul>
          {sections.map(({ path: to, title, icon: Icon }) => (
            <li key={to}>
              <Link
                to={to}
                className="admin-link"
                aria-current={here.startsWith(to) ? 'page' : undefined}
              >
                <Icon aria-hidden="true" />
                <span>{t(title)}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="admin-content">
        {allowed || path === '/admin' ? (
          <Content path={path === '/admin' ? first.path : path} />
        ) : (
          <Empty title={t('error.E_FORBIDDEN')} />
        )}
      </div>
    </div>
  )
}

function Content({ path }: { path: string }): ReactNode {
  const t = useText()
  return (
    <Switch location={path}>
      <Route path="/admin/people" component={People} />
      <Route path="/admin/people/new" component={NewPerson} />
      <Route path="/admin/people/:user">{({ user }) => <Person key={user} user={user} />}</Route>
      <Route path="/admin/departments" component={Departments} />
      <Route path="/admin/roles" component={Roles} />
      <Route path="/admin/invitations" component={Invitations} />
      <Route path="/admin/import" component={Import} />
      <Route path="/admin/organisation" component={Organisation} />
      <Route path="/admin/policies" component={Policies} />
      <Route path="/admin/dings" component={DingRules} />
      <Route path="/admin/ways" component={WaysPage} />
      <Route path="/admin/ways/log" component={DeliveryLog} />
      <Route path="/admin/audit" component={Audit} />
      <Route>
        <Empty title={t('page.missing')} />
      </Route>
    </Switch>
  )
}
