import { Users } from 'lucide-react'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { useDebounced } from '../app/debounced.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Page } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Search } from '../ui/Search.tsx'
import { Card } from './Card.tsx'
import { DepartmentTree } from './DepartmentTree.tsx'
import type { Departments } from './departments.ts'
import { Ladder } from './Ladder.tsx'
import { useMembers } from './members.ts'
import { PeopleList } from './PeopleList.tsx'
import './people.css'
import { useDepartments } from './useDepartments.ts'

/** Everybody: by department, by search, and one person in full. */
export default function People() {
  const t = useText()
  const departments = useDepartments()
  return (
    <Page title={t('nav.people')} width="wide">
      <Fetched loaded={departments}>{tree => <Directory departments={tree} />}</Fetched>
    </Page>
  )
}

function Directory({ departments }: { departments: Departments }) {
  const t = useText()
  const [where, setWhere] = useSearchParams()
  const [query, setQuery] = useState('')
  const department = departments.get(where.get('d') ?? undefined)
  const person = where.get('p') ?? undefined
  const members = useMembers({ query: useDebounced(query), department: department?.department })
  const goTo = (d: string | undefined) => setWhere(d ? { d } : {})
  const open = (p: string | undefined) =>
    setWhere({ ...(department ? { d: department.department } : {}), ...(p ? { p } : {}) })
  const searching = query.trim() !== ''
  return (
    <div className="people" data-person={person ? '' : undefined}>
      {departments.size > 0 && (
        <aside className="people-tree">
          <DepartmentTree
            departments={departments}
            chosen={department?.department}
            onChoose={goTo}
          />
        </aside>
      )}
      <section className="people-middle" aria-label={department?.name ?? t('people.everyone')}>
        <Search
          label={department ? t('people.searchIn', { name: department.name }) : t('people.search')}
          value={query}
          onChange={setQuery}
        />
        <PeopleList
          {...members}
          departments={departments}
          chosen={person}
          before={
            searching ? null : <Ladder departments={departments} at={department} onChoose={goTo} />
          }
          onChoose={open}
          empty={searching ? t('people.noneFound', { query }) : t('people.noneHere')}
        />
      </section>
      {person ? (
        <Card
          key={person}
          user={person}
          departments={departments}
          onClose={() => open(undefined)}
        />
      ) : (
        <div className="people-nobody">
          <Users aria-hidden="true" />
          <p>{t('people.choose')}</p>
        </div>
      )}
    </div>
  )
}
