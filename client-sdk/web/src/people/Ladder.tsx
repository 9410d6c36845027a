import type { Department, DepartmentId } from '@carillon/client'
import { ChevronRight, Folder } from 'lucide-react'
import { useText } from '../texts/language.tsx'
import type { Departments } from './departments.ts'

/** On a phone the tree is walked a level at a time: the way back up, and what lies below. */
export function Ladder({
  departments,
  at,
  onChoose,
}: {
  departments: Departments
  at: Department | undefined
  onChoose: (id: DepartmentId | undefined) => void
}) {
  const t = useText()
  const path = departments.path(at?.department)
  const below = departments.below(at?.department)
  if (path.length === 0 && below.length === 0) return null
  return (
    <div className="ladder">
      {path.length > 0 && (
        <nav aria-label={t('people.path')}>
          <ol className="ladder-path">
            <li>
              <button type="button" onClick={() => onChoose(undefined)}>
                {t('people.everyone')}
              </button>
            </li>
            {path.map(({ department, name }) => (
              <li key={department}>
                <ChevronRight aria-hidden="true" />
                <button
                  type="button"
                  aria-current={department === at?.department ? 'page' : undefined}
                  onClick={() => onChoose(department)}
                >
                  {name}
                </button>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <ul>
        {below.map(({ department, name, members }) => (
          <li key={department}>
            <button type="button" className="ladder-down" onClick={() => onChoose(department)}>
              <Folder aria-hidden="true" />
              <span className="ladder-name">{name}</span>
              {members > 0 && <span className="soft">{members}</span>}
              <ChevronRight aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
