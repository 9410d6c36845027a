import type { Args, OrgMember, Reply, UserId } from '@carillon/client'
import { useEffect, useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Form, useForm, useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Page, Section } from '../app/Page.tsx'
import { useClient, useMay, useMe } from '../app/workspace.ts'
import { CHANGES_OF_ONE } from '../people/members.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { Contacts } from '../settings/Contacts.tsx'
import { StandIn } from '../settings/StandIn.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import { LinkDialog } from './LinkDialog.tsx'
import { PERSON_FIELDS, PersonFields, type PersonValues, valuesOf } from './PersonFields.tsx'
import { SignedIn } from './SignedIn.tsx'

/** One person, to change. */
export function Person({ user }: { user: UserId }) {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('org.member.get', { users: [user] }), user)
  useChanges(CHANGES_OF_ONE, loaded.again)
  const maySignOut = useMay('sessions')
  const mayName = useMay('organisation')
  const name = loaded.state === 'there' ? loaded.value.members[0]?.name : undefined
  return (
    <Page title={name ?? t('admin.people')} back="/admin/people">
      <Fetched loaded={loaded}>
        {({ members: [member] }) => {
          if (!member) return <Empty title={t('people.gone')} />
          return (
            <>
              {!member.active && <Banner tone="attention">{t('person.left.words')}</Banner>}
              {member.active && <Profile member={member} />}
              {member.active && !member.app && <Entry member={member} />}
              {member.active && !member.app && <Contacts user={member.user} />}
              {mayName && member.active && !member.app && <StandIn user={member.user} />}
              {maySignOut && member.active && !member.app && <SignedIn member={member} />}
              <Employment member={member} />
            </>
          )
        }}
      </Fetched>
    </Page>
  )
}

/** What differs, in the words of the operation: what stays needs no permission. */
function changes(before: PersonValues, now: PersonValues): Args<'org.member.update'> {
  const args: Args<'org.member.update'> = {}
  if (now.name !== before.name) args.name = now.name
  if (now.login !== before.login) args.login = now.login.trim()
  if (now.title !== before.title) args.title = now.title
  if (now.manager !== before.manager) args.manager = now.manager ?? null
  if (now.departments.join() !== before.departments.join()) args.departments = [...now.departments]
  if (now.roles.toSorted().join() !== before.roles.toSorted().join()) args.roles = [...now.roles]
  return args
}

function differ(before: PersonValues, now: PersonValues): boolean {
  return Object.keys(changes(before, now)).length > 0
}

function Profile({ member }: { member: OrgMember }) {
  const t = useText()
  const client = useClient()
  const departments = useDepartments()
  const form = useForm(PERSON_FIELDS)
  // What the fields began with, what stands in them, and what was last heard of the person.
  const [base, setBase] = useState(() => valuesOf(member))
  const [values, setValues] = useState(base)
  const [heard, setHeard] = useState(member)
  const dirty = differ(base, values)
  const news = member !== heard && differ(base, valuesOf(member))
  const take = (now: OrgMember) => {
    setBase(valuesOf(now))
    setValues(valuesOf(now))
    setHeard(member)
  }
  // Somebody else's change is shown at once, unless it would overwrite what stands here.
  useEffect(() => {
    if (!news || dirty) return
    setBase(valuesOf(member))
    setValues(valuesOf(member))
    setHeard(member)
  }, [news, dirty, member])
  const save = async () => {
    const args = { user: member.user, ...changes(base, values) }
    take((await client.call('org.member.update', args)).member)
    toast('good', t('saved'))
  }
  return (
    <Section title={t('settings.profile')}>
      {news && dirty && (
        <Banner
          tone="attention"
          action={<Button onClick={() => take(member)}>{t('person.conflict.load')}</Button>}
        >
          {t('person.conflict')}
        </Banner>
      )}
      <Fetched loaded={departments}>
        {tree => (
          <Form task={form} onSubmit={save}>
            <PersonFields
              values={values}
              onChange={setValues}
              form={form}
              departments={tree}
              program={member.app}
            />
            <div className="form-actions">
              <Button look="primary" type="submit" busy={form.busy} disabled={!dirty}>
                {t('save')}
              </Button>
            </div>
          </Form>
        )}
      </Fetched>
    </Section>
  )
}

/** How the person gets in, if the password is lost or was never set. */
function Entry({ member: { user, name, password } }: { member: OrgMember }) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const [link, setLink] = useState<Reply<'org.invite.create'>>()
  const create = () =>
    task.run(async () => setLink(await client.call('org.invite.create', { user })))
  return (
    <Section
      title={t('settings.password')}
      hint={password ? t('person.reset.hint') : t('person.noPassword.hint')}
    >
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <div className="form-actions">
        <Button busy={task.busy} onClick={create}>
          {t('person.reset')}
        </Button>
      </div>
      {link && (
        <LinkDialog
          title={t('person.reset')}
          words={t('person.link.words', { name })}
          created={link}
          onClose={() => setLink(undefined)}
        />
      )}
    </Section>
  )
}

/** Leaving and coming back. */
function Employment({ member: { user, name, active, app } }: { member: OrgMember }) {
  const t = useText()
  const client = useClient()
  const me = useMe()
  const [asking, setAsking] = useState(false)
  const act = async () => {
    await client.call(active ? 'org.member.remove' : 'org.member.restore', { user })
    toast('good', t(active ? 'person.leave.done' : 'person.return.done', { name }))
  }
  if (user === me.user) {
    return (
      <Section title={t('person.leave.title')} hint={t('person.leave.notSelf')}>
        {null}
      </Section>
    )
  }
  const action = t(active ? (app ? 'person.stop' : 'person.leave') : 'person.return')
  return (
    <Section
      title={t(active ? 'person.leave.title' : 'person.return.title')}
      hint={t(active ? 'person.leave.hint' : 'person.return.hint')}
    >
      <div className="form-actions">
        <Button look={active ? 'danger' : 'primary'} onClick={() => setAsking(true)}>
          {action}
        </Button>
      </div>
      {asking && (
        <Confirm
          title={`${action} · ${name}`}
          action={action}
          look={active ? 'danger' : 'primary'}
          onConfirm={act}
          onClose={() => setAsking(false)}
        >
          <p>{t(active ? 'person.leave.words' : 'person.return.words', { name })}</p>
        </Confirm>
      )}
    </Section>
  )
}
