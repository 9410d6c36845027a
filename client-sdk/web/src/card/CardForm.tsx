import type { CardForm as Asked, CardInput, CardValue } from '@carillon/client'
import { useId, useState } from 'react'
import { Form, useForm } from '../app/form.tsx'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, Field, TextArea } from '../ui/Field.tsx'
import { answersOf, initial, place, type Values } from './answers.ts'

/** A card's form. What is wrong stands at its question, before anything is sent and after. */
export function CardForm({
  form,
  onSubmit,
}: {
  form: Asked
  onSubmit: (values: Record<string, CardValue>) => Promise<void>
}) {
  const [values, setValues] = useState<Values>(() => initial(form))
  const task = useForm(form.inputs.map(place))
  const set = (id: string, value: CardValue) => setValues(now => ({ ...now, [id]: value }))
  return (
    <Form task={task} onSubmit={async () => onSubmit(answersOf(form, values))}>
      {form.inputs.map(input => (
        <Question
          key={input.id}
          input={input}
          value={values[input.id]}
          error={task.at(place(input))}
          onChange={value => set(input.id, value)}
        />
      ))}
      <div className="card-buttons">
        <Button look={form.submit.style ?? 'primary'} type="submit" busy={task.busy}>
          <bdi>{form.submit.label}</bdi>
        </Button>
      </div>
    </Form>
  )
}

interface QuestionProps {
  input: CardInput
  value: CardValue | undefined
  error: string | undefined
  onChange: (value: CardValue) => void
}

function Question({ input, value, error, onChange }: QuestionProps) {
  const t = useText()
  const { kind, required = false } = input
  const label = required ? input.label : t('card.optional', { label: input.label })
  const words = typeof value === 'string' ? value : ''
  const line = { label, error, value: words, required }
  const write = (event: { target: { value: string } }) => onChange(event.target.value)
  switch (kind) {
    case 'text':
      return <Field {...line} dir="auto" onChange={write} />
    case 'number':
      return <Field {...line} inputMode="decimal" onChange={write} />
    case 'date':
      return <Field {...line} type="date" onChange={write} />
    case 'long':
      return <TextArea {...line} dir="auto" rows={3} onChange={write} />
    case 'toggle':
      return <Toggle label={label} value={value} error={error} onChange={onChange} />
    case 'choice':
    case 'choices':
      return <Options label={label} input={input} value={value} error={error} onChange={onChange} />
    default:
      // A newer server's.
      return (
        <p className="card-unknown">
          {input.label}: {t('card.unknown')}
        </p>
      )
  }
}

type Labelled = Omit<QuestionProps, 'input'> & { label: string }

function Toggle({ label, value, error, onChange }: Labelled) {
  const id = useId()
  return (
    <div className="field">
      <Check
        label={label}
        checked={value === true}
        aria-invalid={error ? true : undefined}
        aria-errormessage={error ? id : undefined}
        onChange={event => onChange(event.target.checked)}
      />
      <Wrong id={id} error={error} />
    </div>
  )
}

/** One of some, or several of them. */
function Options({ label, input, value, error, onChange }: Labelled & { input: CardInput }) {
  const id = useId()
  const several = input.kind === 'choices'
  const chosen = Array.isArray(value) ? value : value === undefined ? [] : [value]
  const change = (option: string, on: boolean) => {
    if (!several) return onChange(option)
    const rest = chosen.filter(one => typeof one === 'string' && one !== option) as string[]
    onChange(on ? [...rest, option] : rest)
  }
  return (
    <fieldset className="field card-options" aria-describedby={error ? id : undefined}>
      <legend>{label}</legend>
      {(input.options ?? []).map((option, number) => (
        <Check
          key={option.value}
          label={<bdi>{option.label}</bdi>}
          type={several ? 'checkbox' : 'radio'}
          name={id}
          checked={chosen.includes(option.value)}
          aria-invalid={error && number === 0 ? true : undefined}
          onChange={event => change(option.value, event.target.checked)}
        />
      ))}
      <Wrong id={id} error={error} />
    </fieldset>
  )
}

function Wrong({ id, error }: { id: string; error: string | undefined }) {
  if (!error) return null
  return (
    <p id={id} className="field-error" role="alert">
      {error}
    </p>
  )
}
