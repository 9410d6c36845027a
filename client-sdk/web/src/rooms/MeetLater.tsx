import type { ConvId } from '@carillon/client'
import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Field } from '../ui/Field.tsx'
import { instantOf, wallOf } from './instant.ts'

/** What is proposed: the next full hour that is not too near to be read of. */
const AHEAD_MS = 90 * 60_000

const meaning: Meaning = ({ field }) =>
  field === 'starts_at' ? { field, key: 'rooms.later.wrong' } : undefined

/** Plans a meeting; its card tells the others. */
export default function MeetLater({
  conv,
  onDone,
  onClose,
}: {
  conv: ConvId
  onDone: () => void
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const { tz } = useMe()
  const form = useForm(['title', 'starts_at'], meaning)
  const [title, setTitle] = useState('')
  const [proposed] = useState(() => wallOf(Date.now() + AHEAD_MS, tz))
  const [date, setDate] = useState(proposed.date)
  const [time, setTime] = useState(`${proposed.time.slice(0, 2)}:00`)
  const plan = async () => {
    const starts_at = instantOf(date, time, tz)
    if (starts_at === undefined || starts_at < Date.now()) {
      throw new Refused('starts_at', 'rooms.later.wrong')
    }
    const named = title.trim() === '' ? {} : { title: title.trim() }
    await client.call('room.create', { conv, starts_at, ...named })
    onDone()
    onClose()
  }
  return (
    <FormDialog
      title={t('rooms.later')}
      action={t('rooms.later.do')}
      task={form}
      onSubmit={plan}
      onClose={onClose}
    >
      <Field
        label={t('rooms.later.title')}
        hint={t('rooms.later.title.hint')}
        error={form.at('title')}
        value={title}
        onChange={event => setTitle(event.target.value)}
      />
      <div className="row">
        <div className="grow">
          <Field
            type="date"
            label={t('rooms.later.date')}
            value={date}
            onChange={event => setDate(event.target.value)}
          />
        </div>
        <div className="grow">
          <Field
            type="time"
            label={t('rooms.later.time')}
            hint={t('rooms.later.tz', { tz })}
            error={form.at('starts_at')}
            value={time}
            onChange={event => setTime(event.target.value)}
          />
        </div>
      </div>
    </FormDialog>
  )
}
