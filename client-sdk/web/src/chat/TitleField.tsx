import { LIMITS } from '@carillon/client'
import type { FormTask } from '../app/form.tsx'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Field } from '../ui/Field.tsx'

/** What a group is called, of what was written; it is called something. */
export function titleOf(written: string): string {
  const title = written.trim()
  if (title === '') throw new Refused('title', 'chat.title.missing')
  return title
}

/** The title of a group. */
export function TitleField({
  task,
  value,
  onChange,
}: {
  task: FormTask
  value: string
  onChange: (title: string) => void
}) {
  const t = useText()
  return (
    <Field
      data-autofocus
      label={t('chat.title')}
      hint={t('chat.title.hint')}
      error={task.at('title')}
      maxLength={LIMITS.NAME_LEN_MAX}
      value={value}
      onChange={event => onChange(event.target.value)}
    />
  )
}
