import type { DepartmentId, OrgMember, RoleId, UserId } from '@carillon/client'
import { ArrowUp, X } from 'lucide-react'
import type { FormTask } from '../app/form.tsx'
import { useMay } from '../app/workspace.ts'
import type { Departments } from '../people/departments.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Check, Field, Select } from '../ui/Field.tsx'
import { DepartmentOptions } from './DepartmentOptions.tsx'
import { roleName, useRoles } from './roles.ts'

/** What an administrator decides about a person. */
export interface PersonValues {
  name: string
  login: string
  title: string
  departments: readonly DepartmentId[]
  manager: UserId | undefined
  roles: readonly RoleId[]
}

export const PERSON_FIELDS = ['name', 'login', 'title', 'departments', 'manager', 'roles']

export const NOBODY: PersonValues = {
  name: '',
  login: '',
  title: '',
  departments: [],
  manager: undefined,
  roles: [],
}

export function valuesOf(member: OrgMember): PersonValues {
  const { name, login, title = '', departments, manager, roles } = member
  return { name, login, title, departments, manager, roles }
}

/** The fields of a person. */
export function PersonFields({
  values,
  onChange,
  form,
  departments,
  program = false,
}: {
  values: PersonValues
  onChange: (values: PersonValues) => void
  form: FormTask
  departments: Departments
  /** A program has a name and nothing else. */
  program?: boolean
}) {
  const t = useText()
  const change = (part: Partial<PersonValues>) => onChange({ ...values, ...part })
  return (
    <>
      <Field
        label={t('person.name')}
        hint={t('setup.name.hint')}
        autoComplete="off"
        value={values.name}
        error={form.at('name')}
        onChange={event => change({ name: event.target.value })}
      />
      {!program && (
        <Field
          label={t('signin.login')}
          hint={t('signin.login.hint')}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={values.login}
          error={form.at('login')}
          onChange={event => change({ login: event.target.value })}
        />
      )}
      <Field
        label={t('person.title')}
        autoComplete="off"
        value={values.title}
        error={form.at('title')}
        onChange={event => change({ title: event.target.value })}
      />
      {!program && (
        <>
          <InDepartments
            chosen={values.departments}
            departments={departments}
            error={form.at('departments')}
            onChange={chosen => change({ departments: chosen })}
          />
          <PersonPicker
            label={t('people.manager')}
            hint={t('person.manager.hint')}
            error={form.at('manager')}
            value={values.manager}
            onChange={manager => change({ manager })}
          />
          <HasRoles
            chosen={values.roles}
            error={form.at('roles')}
            onChange={roles => change({ roles })}
          />
        </>
      )}
    </>
  )
}

function InDepartments({
  chosen,
  departments,
  error,
  onChange,
}: {
  chosen: readonly DepartmentId[]
  departments: Departments
  error: string | undefined
  onChange: (chosen: DepartmentId[]) => void
}) {
  const t = useText()
  const rest = (id: DepartmentId) => chosen.filter(other => other !== id)
  return (
    <fieldset className="choice">
      <legend>{t('people.departments')}</legend>
      {chosen.length > 0 && (
        <ul className="picks">
          {chosen.map((id, index) => {
            const name = departments.pathName(id)
            return (
              <li key={id} className="picked">
                <span className="grow">
                  {name}
                  {index === 0 && chosen.length > 1 && (
                    <span className="soft"> · {t('person.department.main')}</span>
                  )}
                </span>
                {index > 0 && (
                  <IconButton
                    label={t('person.department.makeMain', { name })}
                    icon={<ArrowUp />}
                    onClick={() => onChange([id, ...rest(id)])}
                  />
                )}
                <IconButton
                  label={t('person.department.leave', { name })}
                  icon={<X />}
                  onClick={() => onChange(rest(id))}
                />
              </li>
            )
          })}
        </ul>
      )}
      {departments.size > 0 && (
        <Select
          label={t('person.department.add')}
          error={error}
          value=""
          onChange={event => onChange([...chosen, event.target.value])}
        >
          <option value="">{t('person.department.choose')}</option>
          <DepartmentOptions
            departments={departments}
            without={({ department }) => chosen.includes(department)}
          />
        </Select>
      )}
    </fieldset>
  )
}

function HasRoles({
  chosen,
  error,
  onChange,
}: {
  chosen: readonly RoleId[]
  error: string | undefined
  onChange: (chosen: RoleId[]) => void
}) {
  const t = useText()
  const roles = useRoles()
  const may = useMay('roles')
  return (
    <fieldset className="choice" disabled={!may}>
      <legend>{t('admin.roles')}</legend>
      {!may && <p className="field-hint">{t('person.roles.who')}</p>}
      {roles.map(given => (
        <Check
          key={given.role}
          label={roleName(t, given)}
          checked={chosen.includes(given.role)}
          onChange={event =>
            onChange(
              event.target.checked
                ? [...chosen, given.role]
                : chosen.filter(other => other !== given.role),
            )
          }
        />
      ))}
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  )
}
