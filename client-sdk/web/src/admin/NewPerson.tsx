import type { Client, Reply, UserId } from '@carillon/client'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { Fetched } from '../app/Fetched.tsx'
import { Form, useForm } from '../app/form.tsx'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import type { Departments } from '../people/departments.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Choice } from '../ui/Choice.tsx'
import { Password } from '../ui/Password.tsx'
import { toast } from '../ui/Toast.tsx'
import { LinkDialog } from './LinkDialog.tsx'
import { NOBODY, PERSON_FIELDS, PersonFields, type PersonValues } from './PersonFields.tsx'

/** How the new person gets in. */
type Entry = 'link' | 'password'

/** Somebody joins. */
export function NewPerson() {
  const t = useText()
  const departments = useDepartments()
  return (
    <Page title={t('admin.people.add')} back="/admin/people">
      <Fetched loaded={departments}>{tree => <Joining departments={tree} />}</Fetched>
    </Page>
  )
}

function Joining({ departments }: { departments: Departments }) {
  const t = useText()
  const client = useClient()
  const [, navigate] = useLocation()
  const form = useForm([...PERSON_FIELDS, 'password'])
  const [values, setValues] = useState(NOBODY)
  const [entry, setEntry] = useState<Entry>('link')
  const [password, setPassword] = useState('')
  const [link, setLink] = useState<Reply<'org.invite.create'>>()
  const submit = async () => {
    const user = await add(client, values, entry === 'password' ? password : undefined)
    try {
      await complete(client, user, values)
      if (entry === 'link') return setLink(await client.call('org.invite.create', { user }))
    } catch (error) {
      // The person is there: what is missing is put right on their own page.
      toast('danger', failure(t, error))
      return navigate(`/admin/people/${user}`)
    }
    toast('good', t('admin.people.added', { name: values.name }))
    navigate('/admin/people')
  }
  return (
    <section className="section">
      <Form task={form} onSubmit={submit}>
        <PersonFields values={values} onChange={setValues} form={form} departments={departments} />
        <Choice<Entry>
          label={t('person.entry')}
          value={entry}
          options={[
            { value: 'link', label: t('person.entry.link') },
            { value: 'password', label: t('person.entry.password') },
          ]}
          onChange={setEntry}
        />
        {entry === 'password' && (
          <Password
            label={t('person.password')}
            hint={t('person.password.hint')}
            autoComplete="new-password"
            value={password}
            error={form.at('password')}
            onChange={event => setPassword(event.target.value)}
          />
        )}
        <div className="form-actions">
          <Button look="primary" type="submit" busy={form.busy}>
            {t('admin.people.add')}
          </Button>
        </div>
      </Form>
      {link && (
        <LinkDialog
          title={t('admin.people.added', { name: values.name })}
          words={t('person.link.words', { name: values.name })}
          created={link}
          onClose={() => navigate('/admin/people')}
        />
      )}
    </section>
  )
}

async function add(
  client: Client,
  { name, login, title, departments }: PersonValues,
  password: string | undefined,
): Promise<UserId> {
  const { user } = await client.call('org.member.add', {
    name,
    login: login.trim(),
    admin: false,
    departments: [...departments],
    ...(title.trim() ? { title } : {}),
    ...(password === undefined ? {} : { password }),
  })
  return user
}

/** What only a change can set. */
async function complete(client: Client, user: UserId, { manager, roles }: PersonValues) {
  if (manager === undefined && roles.length === 0) return
  await client.call('org.member.update', {
    user,
    ...(manager === undefined ? {} : { manager }),
    ...(roles.length > 0 ? { roles: [...roles] } : {}),
  })
}
