import type { Args, Department } from '@carillon/client'
import { ArrowDown, ArrowUp, FolderInput, Trash2, Users } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { FormDialog } from '../app/FormDialog.tsx'
import { Form, useForm, useTask } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Departments } from '../people/departments.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import { DepartmentOptions } from './DepartmentOptions.tsx'

interface Props {
  department: Department
  departments: Departments
  /** Told when it was removed. */
  onGone: () => void
}

/** One department: its name, who heads it, where it stands. */
export function DepartmentDetails({ department, departments, onGone }: Props) {
  const t = useText()
  return (
    <div className="form">
      <h2>{departments.pathName(department.department)}</h2>
      <Link to={`/admin/people?department=${department.department}`} className="with-icon">
        <Users aria-hidden="true" />
        {t('department.members', { count: department.members })}
      </Link>
      <NameAndHead department={department} />
      <Place department={department} departments={departments} />
      <Removal department={department} departments={departments} onGone={onGone} />
    </div>
  )
}

function NameAndHead({ department: { department, name, head } }: { department: Department }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'head'])
  const [values, setValues] = useState({ name, head })
  // What somebody else has changed meanwhile.
  useEffect(() => setValues({ name, head }), [name, head])
  const save = async () => {
    const args: Args<'org.department.update'> = { department }
    if (values.name !== name) args.name = values.name
    if (values.head !== head) args.head = values.head ?? null
    await client.call('org.department.update', args)
    toast('good', t('saved'))
  }
  const same = values.name === name && values.head === head
  return (
    <Form task={form} onSubmit={save}>
      <Field
        label={t('department.name')}
        autoComplete="off"
        value={values.name}
        error={form.at('name')}
        onChange={event => setValues({ ...values, name: event.target.value })}
      />
      <PersonPicker
        label={t('department.head')}
        hint={t('department.head.hint')}
        error={form.at('head')}
        value={values.head}
        onChange={head => setValues({ ...values, head })}
      />
      <div className="form-actions">
        <Button look="primary" type="submit" busy={form.busy} disabled={same}>
          {t('save')}
        </Button>
      </div>
    </Form>
  )
}

function Place({ department, departments }: Omit<Props, 'onGone'>) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const [moving, setMoving] = useState(false)
  const { department: id, parent } = department
  const siblings = departments.below(parent).map(sibling => sibling.department)
  const at = siblings.indexOf(id)
  const put = (before: string | undefined) =>
    task.run(() =>
      client.call('org.department.move', {
        department: id,
        ...(parent === undefined ? {} : { parent }),
        ...(before === undefined ? {} : { before }),
      }),
    )
  return (
    <fieldset className="choice">
      <legend>{t('department.place')}</legend>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <div className="form-actions">
        <Button
          icon={<ArrowUp />}
          disabled={at <= 0 || task.busy}
          onClick={() => put(siblings[at - 1])}
        >
          {t('department.up')}
        </Button>
        <Button
          icon={<ArrowDown />}
          disabled={at >= siblings.length - 1 || task.busy}
          onClick={() => put(siblings[at + 2])}
        >
          {t('department.down')}
        </Button>
        <Button icon={<FolderInput />} onClick={() => setMoving(true)}>
          {t('department.move')}
        </Button>
      </div>
      {moving && (
        <MoveTo
          department={department}
          departments={departments}
          onClose={() => setMoving(false)}
        />
      )}
    </fieldset>
  )
}

function MoveTo({
  department: { department, parent, name },
  departments,
  onClose,
}: Omit<Props, 'onGone'> & { onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['parent'])
  const [to, setTo] = useState(parent ?? '')
  const move = async () => {
    await client.call('org.department.move', { department, ...(to ? { parent: to } : {}) })
    onClose()
  }
  return (
    <FormDialog
      title={t('department.move.title', { name })}
      action={t('department.move.go')}
      task={form}
      onSubmit={move}
      onClose={onClose}
    >
      <Select
        label={t('department.parent')}
        hint={t('department.move.hint')}
        value={to}
        error={form.at('parent') ?? form.at('name')}
        onChange={event => setTo(event.target.value)}
      >
        <option value="">{t('department.top')}</option>
        <DepartmentOptions
          departments={departments}
          without={other => departments.isWithin(other.department, department)}
        />
      </Select>
    </FormDialog>
  )
}

function Removal({ department: { department, name, parent }, departments, onGone }: Props) {
  const t = useText()
  const client = useClient()
  const [asking, setAsking] = useState(false)
  const above = departments.get(parent)?.name
  if (departments.below(department).length > 0) {
    return <p className="soft">{t('department.remove.not')}</p>
  }
  const remove = async () => {
    await client.call('org.department.remove', { department })
    toast('good', t('department.removed', { name }))
    onGone()
  }
  return (
    <div className="form-actions">
      <Button look="danger" icon={<Trash2 />} onClick={() => setAsking(true)}>
        {t('department.remove')}
      </Button>
      {asking && (
        <Confirm
          title={t('department.remove.title', { name })}
          action={t('department.remove')}
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          <p>{above ? t('department.remove.words', { above }) : t('department.remove.top')}</p>
        </Confirm>
      )}
    </div>
  )
}
