import type { DepartmentId } from '@carillon/client'
import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Departments } from '../people/departments.ts'
import { useText } from '../texts/language.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { DepartmentOptions } from './DepartmentOptions.tsx'

/** Makes a department. */
export function NewDepartment({
  departments,
  parent: first,
  onClose,
  onMade,
}: {
  departments: Departments
  /** Where it is made if nothing else is chosen. */
  parent: DepartmentId | undefined
  onClose: () => void
  onMade: (id: DepartmentId) => void
}) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'parent'])
  const [name, setName] = useState('')
  const [parent, setParent] = useState(first ?? '')
  const make = async () => {
    const args = parent ? { name, parent } : { name }
    const { department } = await client.call('org.department.create', args)
    onMade(department)
    onClose()
  }
  return (
    <FormDialog
      title={t('department.add')}
      action={t('department.add')}
      task={form}
      onSubmit={make}
      onClose={onClose}
    >
      <Field
        label={t('department.name')}
        autoComplete="off"
        value={name}
        error={form.at('name')}
        onChange={event => setName(event.target.value)}
      />
      <Select
        label={t('department.parent')}
        value={parent}
        error={form.at('parent')}
        onChange={event => setParent(event.target.value)}
      >
        <option value="">{t('department.top')}</option>
        <DepartmentOptions departments={departments} />
      </Select>
    </FormDialog>
  )
}
