import type { Invite, Reply, UserId } from '@carillon/client'
import { Link2, Plus } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { Departments } from '../people/departments.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import { LinkDialog } from './LinkDialog.tsx'
import { NewInvitation } from './NewInvitation.tsx'

/** Whoever joins uses a link up; links have no events of their own. */
const CHANGES = ['org.member_added', 'org.member_updated'] as const
const NO_DEPARTMENTS = new Departments([])

/** The links that work, and the names of whom they concern. */
function useInvitations() {
  const client = useClient()
  const loaded = useLoad(async () => {
    const { invites } = await client.call('org.invite.list', {})
    const users = invites.flatMap(({ by, user }) => (user === undefined ? [by] : [by, user]))
    return { invites, names: await namesOf(client, users) }
  }, 'invites')
  useChanges(CHANGES, loaded.again)
  return loaded
}

/** Links by which people come in. */
export function Invitations() {
  const t = useText()
  const departments = useDepartments()
  const loaded = useInvitations()
  const [making, setMaking] = useState(false)
  const [made, setMade] = useState<Reply<'org.invite.create'>>()
  const [revoking, setRevoking] = useState<Invite>()
  const tree = departments.state === 'there' ? departments.value : NO_DEPARTMENTS
  return (
    <Page
      title={t('admin.invitations')}
      phoneBack="/admin"
      actions={
        <Button look="primary" icon={<Plus />} onClick={() => setMaking(true)}>
          {t('invite.add')}
        </Button>
      }
    >
      <p className="soft">{t('invite.words')}</p>
      <Fetched loaded={loaded}>
        {({ invites, names }) => {
          if (invites.length === 0) return <Empty icon={<Link2 />} title={t('invite.none')} />
          return (
            <ul className="cards">
              {invites.map(invite => (
                <Row
                  key={invite.invite}
                  invite={invite}
                  names={names}
                  departments={tree}
                  onRevoke={() => setRevoking(invite)}
                />
              ))}
            </ul>
          )
        }}
      </Fetched>
      {making && (
        <NewInvitation
          departments={tree}
          onClose={() => setMaking(false)}
          onMade={created => {
            setMaking(false)
            setMade(created)
            loaded.again()
          }}
        />
      )}
      {made && (
        <LinkDialog
          title={t('invite.made')}
          words={t('invite.made.words')}
          created={made}
          onClose={() => setMade(undefined)}
        />
      )}
      {revoking && (
        <Revoking
          invite={revoking}
          onRevoked={loaded.again}
          onClose={() => setRevoking(undefined)}
        />
      )}
    </Page>
  )
}

function Revoking({
  invite: { invite },
  onRevoked,
  onClose,
}: {
  invite: Invite
  onRevoked: () => void
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const revoke = async () => {
    await client.call('org.invite.revoke', { invite })
    onRevoked()
    toast('good', t('invite.revoked'))
  }
  return (
    <Confirm
      title={t('invite.revoke.title')}
      action={t('invite.revoke')}
      onConfirm={revoke}
      onClose={onClose}
    >
      <p>{t('invite.revoke.words')}</p>
    </Confirm>
  )
}

type Names = ReadonlyMap<UserId, string>

async function namesOf(client: ReturnType<typeof useClient>, users: UserId[]): Promise<Names> {
  const unique = [...new Set(users)]
  const names = new Map<UserId, string>()
  while (unique.length > 0) {
    const { members } = await client.call('org.member.get', { users: unique.splice(0, 200) })
    for (const { user, name } of members) names.set(user, name)
  }
  return names
}

function Row({
  invite,
  names,
  departments,
  onRevoke,
}: {
  invite: Invite
  names: Names
  departments: Departments
  onRevoke: () => void
}) {
  const t = useText()
  const when = useWhen()
  const { user, department, left, by, created_at, expires_at } = invite
  const where = department === undefined ? '' : departments.pathName(department)
  const title =
    user === undefined
      ? t('invite.for', { count: left })
      : t('invite.forOne', { name: names.get(user) ?? '' })
  return (
    <li className="section">
      <div className="row">
        <div className="grow">
          <h2>{title}</h2>
          {where && <p>{t('invite.into', { department: where })}</p>}
          <p className="soft">
            {t('invite.by', { name: names.get(by) ?? '', day: when.day(created_at) })}
          </p>
          <p className="soft">{t('invite.until', { until: when.moment(expires_at) })}</p>
        </div>
        <Button look="danger" onClick={onRevoke}>
          {t('invite.revoke')}
        </Button>
      </div>
    </li>
  )
}
