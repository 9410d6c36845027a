import type { Department } from '@carillon/client'
import type { Departments } from '../people/departments.ts'

/** A list cannot show a tree: blanks that are not folded say how deep a department lies. */
const STEP = '\u2003'

/** The departments as options of a `Select`. */
export function DepartmentOptions({
  departments,
  without = () => false,
}: {
  departments: Departments
  /** Which cannot be chosen. */
  without?: (department: Department) => boolean
}) {
  return departments
    .flat()
    .filter(({ department }) => !without(department))
    .map(({ department: { department, name }, level }) => (
      <option key={department} value={department}>
        {STEP.repeat(level - 1) + name}
      </option>
    ))
}
