import type { DepartmentId } from '@carillon/client'
import { useText } from '../texts/language.tsx'
import { type Node, Tree } from '../ui/Tree.tsx'
import type { Departments } from './departments.ts'

/** Up to so many departments all show at first; of more only the upper two levels. */
const ALL_OPEN_MAX = 40
/** The id of the node above all departments. */
const EVERYONE = ''

/** The departments to choose from, beside the people. */
export function DepartmentTree({
  departments,
  chosen,
  onChoose,
  everyone = true,
}: {
  departments: Departments
  chosen: DepartmentId | undefined
  /** Told `undefined` for everybody. */
  onChoose: (id: DepartmentId | undefined) => void
  /** Whether everybody can be chosen too. */
  everyone?: boolean
}) {
  const t = useText()
  const nodes = nodesBelow(departments)
  const all = everyone
    ? [{ id: EVERYONE, label: t('people.everyone'), below: [] }, ...nodes]
    : nodes
  return (
    <Tree
      label={t('people.departments')}
      nodes={all}
      chosen={chosen ?? EVERYONE}
      onChoose={id => onChoose(id || undefined)}
      shut={shutAtFirst(departments, chosen)}
    />
  )
}

function nodesBelow(departments: Departments, id?: DepartmentId): Node[] {
  return departments.below(id).map(({ department, name, members }) => ({
    id: department,
    label: name,
    note: members > 0 ? String(members) : undefined,
    below: nodesBelow(departments, department),
  }))
}

function shutAtFirst(departments: Departments, chosen: DepartmentId | undefined): string[] {
  if (departments.size <= ALL_OPEN_MAX) return []
  const onTheWay = new Set(departments.path(chosen).map(({ department }) => department))
  return departments
    .flat()
    .filter(({ department, level }) => level > 1 && !onTheWay.has(department.department))
    .map(({ department }) => department.department)
}
