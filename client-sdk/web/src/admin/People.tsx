import type { OrgMember, Role } from '@carillon/client'
import { Plus, SlidersHorizontal } from 'lucide-react'
import { type ChangeEvent, useState } from 'react'
import { Link, useLocation, useSearchParams } from 'wouter'
import { useDebounced } from '../app/debounced.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Page } from '../app/Page.tsx'
import type { Departments } from '../people/departments.ts'
import { useMembers } from '../people/members.ts'
import { PeopleList } from '../people/PeopleList.tsx'
import { useDepartments } from '../people/useDepartments.ts'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Select } from '../ui/Field.tsx'
import { Search } from '../ui/Search.tsx'
import { DepartmentOptions } from './DepartmentOptions.tsx'
import { roleName, useRoles } from './roles.ts'

/** Everybody, also those who left: to find whom to change. */
export function People() {
  const t = useText()
  const departments = useDepartments()
  const add = (
    <Link to="/admin/people/new" className="button button-primary">
      <Plus aria-hidden="true" />
      <span>{t('admin.people.add')}</span>
    </Link>
  )
  return (
    <Page title={t('admin.people')} width="wide" phoneBack="/admin" actions={add}>
      <Fetched loaded={departments}>{tree => <Listed departments={tree} />}</Fetched>
    </Page>
  )
}

function Listed({ departments }: { departments: Departments }) {
  const t = useText()
  const [, navigate] = useLocation()
  const [filter] = useSearchParams()
  const [query, setQuery] = useState('')
  const roles = useRoles()
  const members = useMembers({
    query: useDebounced(query),
    department: filter.get('department') ?? undefined,
    role: filter.get('role') ?? undefined,
    left: filter.has('left'),
  })
  const note = ({ app, password, active, roles: has }: OrgMember) => {
    const names = roles.filter(({ role }) => has.includes(role)).map(role => roleName(t, role))
    if (!app && active && !password) names.unshift(t('admin.people.noPassword'))
    return names.join(' · ')
  }
  return (
    <div className="admin-people">
      <Filters query={query} onQuery={setQuery} departments={departments} roles={roles} />
      <PeopleList
        {...members}
        departments={departments}
        note={note}
        onChoose={user => navigate(`/admin/people/${user}`)}
        empty={query.trim() ? t('people.noneFound', { query }) : t('people.noneHere')}
      />
    </div>
  )
}

/** Which people are listed; all but the words stand in the address, to come back to. */
function Filters({
  query,
  onQuery,
  departments,
  roles,
}: {
  query: string
  onQuery: (query: string) => void
  departments: Departments
  roles: readonly Role[]
}) {
  const t = useText()
  const [filter, setFilter] = useSearchParams()
  const [open, setOpen] = useState(false)
  const set = (name: string) => (event: ChangeEvent<HTMLSelectElement>) => {
    const next = new URLSearchParams(filter)
    if (event.target.value) next.set(name, event.target.value)
    else next.delete(name)
    setFilter(next, { replace: true })
  }
  return (
    <div className="admin-filters" data-open={open}>
      <div className="admin-search">
        <Search label={t('people.search')} value={query} onChange={onQuery} />
        <IconButton
          className="admin-more"
          label={t('admin.people.filter')}
          icon={<SlidersHorizontal />}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        />
      </div>
      <Select
        label={t('people.department')}
        value={filter.get('department') ?? ''}
        onChange={set('department')}
      >
        <option value="">{t('admin.people.anyDepartment')}</option>
        <DepartmentOptions departments={departments} />
      </Select>
      <Select label={t('admin.role')} value={filter.get('role') ?? ''} onChange={set('role')}>
        <option value="">{t('admin.people.anyRole')}</option>
        {roles.map(role => (
          <option key={role.role} value={role.role}>
            {roleName(t, role)}
          </option>
        ))}
      </Select>
      <Select
        label={t('admin.people.status')}
        value={filter.has('left') ? 'left' : ''}
        onChange={set('left')}
      >
        <option value="">{t('admin.people.active')}</option>
        <option value="left">{t('admin.people.left')}</option>
      </Select>
    </div>
  )
}
