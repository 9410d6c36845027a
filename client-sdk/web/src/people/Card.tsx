import type { OrgMember, UserId } from '@carillon/client'
import { ArrowLeft, MessageSquare, Pencil, X } from 'lucide-react'
import { type ReactNode, useEffect, useRef } from 'react'
import { Link, useLocation } from 'wouter'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { clock } from '../app/when.ts'
import { useClient, useMay, useMe } from '../app/workspace.ts'
import { LiveAvatar } from '../chat/Online.tsx'
import { useOnline } from '../model/hooks.ts'
import { failure } from '../texts/failure.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import type { Departments } from './departments.ts'
import { CHANGES_OF_ONE } from './members.ts'

/** One person in full. */
export function Card({
  user,
  departments,
  onClose,
}: {
  user: UserId
  departments: Departments
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const heading = useRef<HTMLHeadingElement>(null)
  const loaded = useLoad(() => withManager(client, user, departments), user)
  useChanges(CHANGES_OF_ONE, loaded.again)
  const there = loaded.state === 'there'
  useEffect(() => {
    if (there) heading.current?.focus()
  }, [there])
  const close = () => {
    onClose()
    document.querySelector<HTMLElement>(`[data-person="${CSS.escape(user)}"]`)?.focus()
  }
  return (
    <section className="card" aria-label={t('people.card')}>
      <div className="card-bar">
        <IconButton className="card-back" label={t('back')} icon={<ArrowLeft />} onClick={close} />
        <IconButton className="card-close" label={t('close')} icon={<X />} onClick={close} />
      </div>
      <Fetched loaded={loaded}>
        {({ member, manager }) => {
          if (!member) return <Empty title={t('people.gone')} />
          return (
            <>
              <header className="card-head">
                <LiveAvatar user={member.user} id={member.user} name={member.name} size="l" />
                <h2 ref={heading} tabIndex={-1}>
                  {member.name}
                </h2>
                {member.title && <p>{member.title}</p>}
                <OnlineLine user={member.user} />
                {!member.active && <p className="card-left">{t('people.left')}</p>}
              </header>
              <Actions member={member} />
              <Facts member={member} manager={manager} departments={departments} />
            </>
          )
        }}
      </Fetched>
    </section>
  )
}

function OnlineLine({ user }: { user: UserId }) {
  const t = useText()
  return useOnline(user) && <p className="online-word">{t('people.online')}</p>
}

async function withManager(
  client: ReturnType<typeof useClient>,
  user: UserId,
  departments: Departments,
): Promise<{ member?: OrgMember; manager?: OrgMember }> {
  const get = async (user: UserId) =>
    (await client.call('org.member.get', { users: [user] })).members[0]
  const member = await get(user)
  if (!member) return {}
  const above = departments.managerOf(member)
  const manager = above === undefined ? undefined : await get(above)
  return manager ? { member, manager } : { member }
}

function Actions({ member }: { member: OrgMember }) {
  const t = useText()
  const me = useMe()
  const client = useClient()
  const mayChange = useMay('people')
  const task = useTask()
  const [, navigate] = useLocation()
  const chat = () =>
    task.run(async () => {
      const { conv } = await client.call('conv.open', { user: member.user })
      navigate(`/c/${conv}`)
    })
  const chats = member.user !== me.user && member.active
  if (!chats && !mayChange) return null
  return (
    <>
      <div className="card-actions">
        {chats && (
          <Button look="primary" icon={<MessageSquare />} busy={task.busy} onClick={chat}>
            {t('people.chat')}
          </Button>
        )}
        {mayChange && !member.app && (
          <Link to={`/admin/people/${member.user}`} className="button button-plain">
            <Pencil aria-hidden="true" />
            <span>{t('people.change')}</span>
          </Link>
        )}
      </div>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
    </>
  )
}

function Facts({
  member,
  manager,
  departments,
}: {
  member: OrgMember
  manager: OrgMember | undefined
  departments: Departments
}) {
  const t = useText()
  const me = useMe()
  const language = useLanguage()
  const time = clock(Date.now(), language, member.tz)
  const there = member.departments.filter(id => departments.get(id))
  return (
    <dl className="facts">
      {member.app && <Fact name={t('people.kind')}>{t('people.program')}</Fact>}
      {there.length > 0 && (
        <Fact name={t('people.department')}>
          {there.map(id => (
            <Link key={id} to={`/people?d=${id}`}>
              {departments.pathName(id)}
            </Link>
          ))}
        </Fact>
      )}
      {manager && (
        <Fact name={t('people.manager')}>
          <Link to={`/people?p=${manager.user}`}>{manager.name}</Link>
        </Fact>
      )}
      {!member.app && <Fact name={t('signin.login')}>{member.login}</Fact>}
      {!member.app && member.tz !== me.tz && time && (
        <Fact name={t('people.time')}>
          {time} · {member.tz.replaceAll('_', ' ')}
        </Fact>
      )}
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
