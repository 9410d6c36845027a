import { type ConvId, LIMITS } from '@carillon/client'
import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Check, Field, TextArea } from '../ui/Field.tsx'

/** The server names an option by its place. */
const meaning: Meaning = ({ field }) => {
  if (field === 'question') return { field, key: 'wrong.question' }
  if (field?.startsWith('options')) return { field: 'options', key: 'wrong.options' }
  if (field === 'closes_at') return { field, key: 'wrong.closes' }
  return undefined
}

/** What is not blank, a line each. */
function lines(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
}

/** Asks the members of a conversation; the card comes as any message does. */
export default function PollForm({ conv, onClose }: { conv: ConvId; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['question', 'options', 'closes_at'], meaning)
  const [question, setQuestion] = useState('')
  const [options, setOptions] = useState('')
  const [multiple, setMultiple] = useState(false)
  const [anonymous, setAnonymous] = useState(false)
  const [closes, setCloses] = useState('')
  const open = async () => {
    const poll = { conv, question, options: lines(options), multiple, anonymous }
    // What the person sees on the clock is a time of this place.
    const end = closes === '' ? {} : { closes_at: new Date(closes).getTime() }
    await client.call('poll.open', { ...poll, ...end })
    onClose()
  }
  return (
    <FormDialog
      title={t('polls.open')}
      action={t('polls.open')}
      task={form}
      onSubmit={open}
      onClose={onClose}
    >
      <Field
        label={t('polls.question')}
        error={form.at('question')}
        value={question}
        onChange={event => setQuestion(event.target.value)}
      />
      <TextArea
        label={t('polls.options')}
        hint={t('polls.options.hint', { most: LIMITS.POLL_OPTIONS_MAX })}
        error={form.at('options')}
        rows={4}
        value={options}
        onChange={event => setOptions(event.target.value)}
      />
      <Field
        type="datetime-local"
        label={t('polls.closes')}
        hint={t('polls.closes.hint')}
        error={form.at('closes_at')}
        value={closes}
        onChange={event => setCloses(event.target.value)}
      />
      <Check
        label={t('polls.multiple')}
        checked={multiple}
        onChange={event => setMultiple(event.target.checked)}
      />
      <Check
        label={t('polls.secret')}
        hint={t('polls.secret.hint')}
        checked={anonymous}
        onChange={event => setAnonymous(event.target.checked)}
      />
    </FormDialog>
  )
}
