import type { Reply } from '@carillon/client'
import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Departments } from '../people/departments.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { DepartmentOptions } from './DepartmentOptions.tsx'

const DAY_MS = 24 * 3_600_000
/** For how many days a link can work. */
const DAYS = [1, 7, 30]

/** Makes a link by which new people join. */
export function NewInvitation({
  departments,
  onClose,
  onMade,
}: {
  departments: Departments
  onClose: () => void
  onMade: (created: Reply<'org.invite.create'>) => void
}) {
  const t = useText()
  const client = useClient()
  const form = useForm(['uses'])
  const [department, setDepartment] = useState('')
  const [uses, setUses] = useState('1')
  const [days, setDays] = useState(7)
  const make = async () => {
    if (!/^\d{1,4}$/.test(uses.trim())) throw new Refused('uses', 'wrong.uses')
    const created = await client.call('org.invite.create', {
      uses: Number(uses),
      ttl_ms: days * DAY_MS,
      ...(department ? { department } : {}),
    })
    onMade(created)
  }
  return (
    <FormDialog
      title={t('invite.add')}
      action={t('invite.make')}
      task={form}
      onSubmit={make}
      onClose={onClose}
    >
      <Select
        label={t('people.department')}
        value={department}
        onChange={event => setDepartment(event.target.value)}
      >
        <option value="">{t('invite.noDepartment')}</option>
        <DepartmentOptions departments={departments} />
      </Select>
      <Field
        label={t('invite.uses')}
        hint={t('invite.uses.hint')}
        inputMode="numeric"
        value={uses}
        error={form.at('uses')}
        onChange={event => setUses(event.target.value)}
      />
      <Select
        label={t('invite.ttl')}
        value={days}
        onChange={event => setDays(Number(event.target.value))}
      >
        {DAYS.map(count => (
          <option key={count} value={count}>
            {t('invite.days', { count })}
          </option>
        ))}
      </Select>
    </FormDialog>
  )
}
