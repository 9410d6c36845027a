import type { AuditRow, UserId } from '@carillon/client'
import { useCallback, useMemo } from 'react'
import { roleName, useRoles } from '../admin/roles.ts'
import { useChatsState, usePeople } from '../model/hooks.ts'
import type { Person } from '../model/people.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { useText } from '../texts/language.tsx'
import { objectIn, whoIn } from './sentences.ts'

/** Stands for a name that is on its way. */
const COMING = '…'

/** What the people and things of rows are called today. */
export interface Names {
  person: (user: UserId) => string
  object: (object: { kind: string; id: string }) => string
}

/** The people whom rows name, each once. A robot writes under the id that it has as a robot. */
export function peopleIn(rows: readonly AuditRow[]): UserId[] {
  const users = new Set<UserId>()
  for (const { what } of rows) {
    const who = whoIn(what)
    if (who !== undefined) users.add(who)
    const { kind, id } = objectIn(what)
    if (kind === 'member' || kind === 'robot') users.add(id)
  }
  return [...users]
}

/**
 * Makes names of the people who are known, and of everything else that has one; and says what
 * stands for a name that is not known yet.
 */
export type Naming = (
  people: Iterable<Pick<Person, 'user' | 'name'>>,
  coming?: (id: string) => string,
) => Names

export function useNaming(): Naming {
  const t = useText()
  const roles = useRoles()
  const loaded = useDepartments()
  const departments = loaded.state === 'there' ? loaded.value : undefined
  const byId = useChatsState(state => state.byId)
  return useCallback(
    (people, coming = () => COMING) => {
      const called = new Map([...people].map(({ user, name }) => [user, name]))
      const known = new Map(roles.map(role => [role.role, roleName(t, role)]))
      const gone = t('audit.unnamed')
      const person = (user: UserId) => called.get(user) ?? coming(user)
      const object = ({ kind, id }: { kind: string; id: string }) => {
        if (kind === 'role') return known.size === 0 ? coming(id) : (known.get(id) ?? gone)
        if (kind === 'department') {
          return departments ? (departments.get(id)?.name ?? gone) : coming(id)
        }
        if (kind !== 'conv') return person(id)
        const title = byId.get(id)?.title
        return title === undefined ? t('audit.otherGroup') : t('audit.group', { title })
      }
      return { person, object }
    },
    [t, roles, departments, byId],
  )
}

/** The names that rows need. */
export function useNames(rows: readonly AuditRow[], naming: Naming): Names {
  const users = useMemo(() => peopleIn(rows), [rows])
  const people = usePeople(users)
  return useMemo(() => naming(people), [naming, people])
}
