import type { Department, DepartmentId } from '@carillon/client'
import { ArrowLeft, Plus } from 'lucide-react'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { Fetched } from '../app/Fetched.tsx'
import { Page } from '../app/Page.tsx'
import { DepartmentTree } from '../people/DepartmentTree.tsx'
import type { Departments as Tree } from '../people/departments.ts'
import { useDepartments } from '../people/useDepartments.ts'
import { useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { DepartmentDetails } from './DepartmentDetails.tsx'
import { NewDepartment } from './NewDepartment.tsx'

/** The tree of departments, to change. */
export function Departments() {
  const t = useText()
  const departments = useDepartments()
  const [adding, setAdding] = useState(false)
  return (
    <Page
      title={t('people.departments')}
      width="wide"
      phoneBack="/admin"
      actions={
        <Button look="primary" icon={<Plus />} onClick={() => setAdding(true)}>
          {t('department.add')}
        </Button>
      }
    >
      <Fetched loaded={departments}>
        {tree => <Planted departments={tree} adding={adding} onAdded={() => setAdding(false)} />}
      </Fetched>
    </Page>
  )
}

function Planted({
  departments,
  adding,
  onAdded,
}: {
  departments: Tree
  adding: boolean
  onAdded: () => void
}) {
  const t = useText()
  const [where, setWhere] = useSearchParams()
  const chosen = departments.get(where.get('d') ?? undefined)
  const choose = (d: DepartmentId | undefined) => setWhere(d ? { d } : {})
  return (
    <>
      {departments.size === 0 ? (
        <Empty title={t('department.none')}>
          <p>{t('department.none.words')}</p>
        </Empty>
      ) : (
        <div className="halves" data-chosen={chosen ? '' : undefined}>
          <div className="halves-list">
            <DepartmentTree
              departments={departments}
              chosen={chosen?.department}
              onChoose={choose}
              everyone={false}
            />
          </div>
          <Chosen departments={departments} chosen={chosen} onChoose={choose} />
        </div>
      )}
      {adding && (
        <NewDepartment
          departments={departments}
          parent={chosen?.department}
          onClose={onAdded}
          onMade={choose}
        />
      )}
    </>
  )
}

function Chosen({
  departments,
  chosen,
  onChoose,
}: {
  departments: Tree
  chosen: Department | undefined
  onChoose: (id: DepartmentId | undefined) => void
}) {
  const t = useText()
  if (!chosen) {
    return (
      <div className="halves-detail">
        <Empty title={t('department.choose')} />
      </div>
    )
  }
  return (
    <div className="halves-detail">
      <IconButton
        className="halves-back"
        label={t('back')}
        icon={<ArrowLeft />}
        onClick={() => onChoose(undefined)}
      />
      <DepartmentDetails
        key={chosen.department}
        department={chosen}
        departments={departments}
        onGone={() => onChoose(chosen.parent)}
      />
    </div>
  )
}
