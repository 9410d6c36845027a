import { PERMISSIONS, type Permission, type Role } from '@carillon/client'
import { Plus, Users } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { Page } from '../app/Page.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, Field } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import { PERMISSION_TEXTS, permissionsOf, roleName, useLoadedRoles } from './roles.ts'

/** Who may do what. */
export function Roles() {
  const t = useText()
  const roles = useLoadedRoles()
  const [open, setOpen] = useState<Role | 'new'>()
  const close = () => setOpen(undefined)
  return (
    <Page
      title={t('admin.roles')}
      phoneBack="/admin"
      actions={
        <Button look="primary" icon={<Plus />} onClick={() => setOpen('new')}>
          {t('role.add')}
        </Button>
      }
    >
      <p className="soft">{t('role.words')}</p>
      <Fetched loaded={roles}>
        {({ roles }) => (
          <ul className="cards">
            {roles.map(role => (
              <RoleCard key={role.role} role={role} onOpen={() => setOpen(role)} />
            ))}
          </ul>
        )}
      </Fetched>
      {open === 'new' && <RoleDialog onClose={close} />}
      {open && open !== 'new' && <RoleDialog role={open} onClose={close} />}
    </Page>
  )
}

function RoleCard({ role, onOpen }: { role: Role; onOpen: () => void }) {
  const t = useText()
  const names = permissionsOf(role).map(permission => t(PERMISSION_TEXTS[permission].name))
  const all = role.administrator ? t('role.all') : names.join(' · ')
  return (
    <li className="section">
      <div className="row">
        <div className="grow">
          <h2>{roleName(t, role)}</h2>
          <p className="soft">{all || t('role.nothing')}</p>
        </div>
        <Link to={`/admin/people?role=${role.role}`} className="with-icon">
          <Users aria-hidden="true" />
          {t('role.members', { count: role.members })}
        </Link>
        {!role.administrator && (
          <Button aria-label={t('role.change', { name: role.name })} onClick={onOpen}>
            {t('people.change')}
          </Button>
        )}
      </div>
    </li>
  )
}

/** A role to make, or one to change. */
function RoleDialog({ role, onClose }: { role?: Role; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'permissions'])
  const [name, setName] = useState(role?.name ?? '')
  const [chosen, setChosen] = useState<Permission[]>(role ? permissionsOf(role) : [])
  const [removing, setRemoving] = useState(false)
  const save = async () => {
    // Those that a newer version of the server knows stay as they are.
    const unknown =
      role?.permissions.filter(name => !PERMISSIONS.some(known => known === name)) ?? []
    const permissions = [...chosen, ...unknown]
    if (role) await client.call('org.role.update', { role: role.role, name, permissions })
    else await client.call('org.role.create', { name, permissions })
    toast('good', t('saved'))
    onClose()
  }
  if (role && removing) {
    return (
      <Confirm
        title={t('role.remove.title', { name: role.name })}
        action={t('role.remove')}
        onConfirm={() => client.call('org.role.remove', { role: role.role })}
        onClose={onClose}
      >
        <p>{t('role.remove.words', { count: role.members })}</p>
      </Confirm>
    )
  }
  return (
    <FormDialog
      title={role ? t('role.change', { name: role.name }) : t('role.add')}
      action={t('save')}
      other={
        role && (
          <Button look="danger" onClick={() => setRemoving(true)}>
            {t('role.remove')}
          </Button>
        )
      }
      task={form}
      onSubmit={save}
      onClose={onClose}
    >
      <Field
        label={t('role.name')}
        autoComplete="off"
        value={name}
        error={form.at('name')}
        onChange={event => setName(event.target.value)}
      />
      <Permissions chosen={chosen} onChange={setChosen} />
    </FormDialog>
  )
}

/** What a role permits; nobody gives or takes what they do not have themselves. */
function Permissions({
  chosen,
  onChange,
}: {
  chosen: readonly Permission[]
  onChange: (chosen: Permission[]) => void
}) {
  const t = useText()
  const me = useMe()
  return (
    <fieldset className="choice">
      <legend>{t('role.permissions')}</legend>
      {PERMISSIONS.map(permission => (
        <Check
          key={permission}
          label={t(PERMISSION_TEXTS[permission].name)}
          hint={t(PERMISSION_TEXTS[permission].hint)}
          disabled={!me.permissions.includes(permission)}
          checked={chosen.includes(permission)}
          onChange={event =>
            onChange(
              event.target.checked
                ? [...chosen, permission]
                : chosen.filter(other => other !== permission),
            )
          }
        />
      ))}
    </fieldset>
  )
}
