import { useMemo } from 'react'
import { useChanges } from '../app/changes.ts'
import { type Loaded, useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { Departments } from './departments.ts'

const CHANGES = [
  'org.department_changed',
  'org.imported',
  'org.member_added',
  'org.member_updated',
  'org.member_left',
  'org.member_returned',
] as const

/** The departments, now and after every change; their counts too. */
export function useDepartments(): Loaded<Departments> {
  const client = useClient()
  const loaded = useLoad(() => client.call('org.department.tree', {}), 'departments')
  useChanges(CHANGES, loaded.again)
  const list = loaded.state === 'there' ? loaded.value.departments : undefined
  const tree = useMemo(() => list && new Departments(list), [list])
  if (loaded.state !== 'there') return loaded
  return { ...loaded, value: tree ?? new Departments([]) }
}
