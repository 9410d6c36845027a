import { LIMITS, newId } from '@carillon/client'
import { Plus, Trash2 } from 'lucide-react'
import { useRef, useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { Refused } from '../texts/failure.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import { clockOf, dayAndMinute, minuteOf, nextDay, ofWeek, weekdays } from './moments.ts'
import type { Duty } from './useNames.ts'

type Turn = Duty['rota']['turns'][number]

/** Monday at nine, to six. */
const FIRST: Turn = { user: '', from_min: ofWeek(0, 9 * 60), until_min: ofWeek(0, 18 * 60) }

const meaning: Meaning = ({ code, field }) => {
  if (field?.endsWith('name')) {
    return { field: 'name', key: code === 'E_CONFLICT' ? 'wrong.name.taken' : 'wrong.name' }
  }
  return undefined
}

/** Makes a rota, or changes one. */
export function RotaForm({ duty, onDone }: { duty?: Duty; onDone: () => void }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name'], meaning)
  const [name, setName] = useState(duty?.rota.name ?? '')
  const [turns, setTurns] = useState<Turn[]>(duty?.rota.turns ?? [FIRST])
  const keys = useRef(turns.map(() => newId()))
  const cid = useRef(newId())
  const add = () => {
    const last = turns.at(-1)
    keys.current = [...keys.current, newId()]
    // The day after, for the same person: what a week mostly looks like.
    const next = last && {
      ...last,
      from_min: nextDay(last.from_min),
      until_min: nextDay(last.until_min),
    }
    setTurns([...turns, next ?? FIRST])
  }
  const remove = (at: number) => {
    keys.current = keys.current.filter((_, index) => index !== at)
    setTurns(turns.filter((_, index) => index !== at))
  }
  const submit = async () => {
    if (turns.some(({ user }) => user === '')) throw new Refused('turns', 'rotas.who.missing')
    const rota = { name: name.trim(), turns }
    if (duty) await client.call('ding.duty.update', { duty: duty.duty, rota })
    else await client.call('ding.duty.create', { rota }, { cid: cid.current })
    toast('good', t('saved'))
    onDone()
  }
  return (
    <FormDialog
      title={t(duty ? 'rotas.change' : 'rotas.add')}
      action={t('save')}
      task={form}
      onSubmit={submit}
      onClose={onDone}
    >
      <Field
        label={t('rotas.name')}
        hint={t('rotas.name.hint')}
        autoComplete="off"
        maxLength={LIMITS.NAME_LEN_MAX}
        value={name}
        error={form.at('name')}
        data-autofocus
        onChange={event => {
          setName(event.target.value)
          cid.current = newId()
        }}
      />
      {turns.map((turn, at) => (
        <TurnFields
          key={keys.current[at]}
          number={at + 1}
          turn={turn}
          onChange={changed => setTurns(turns.map((old, index) => (index === at ? changed : old)))}
          onRemove={() => remove(at)}
        />
      ))}
      {turns.length < LIMITS.DING_DUTY_MAX && (
        <Button icon={<Plus />} onClick={add}>
          {t('rotas.turn.add')}
        </Button>
      )}
    </FormDialog>
  )
}

function TurnFields(props: {
  number: number
  turn: Turn
  onChange: (turn: Turn) => void
  onRemove: () => void
}) {
  const { number, turn, onChange, onRemove } = props
  const t = useText()
  return (
    <fieldset className="policy-step">
      <legend>{t('rotas.turn', { number })}</legend>
      <PersonPicker
        label={t('rotas.who')}
        value={turn.user || undefined}
        onChange={user => onChange({ ...turn, user: user ?? '' })}
      />
      <Moment
        label={t('rotas.from')}
        time={t('rotas.from.time')}
        at={turn.from_min}
        onChange={from_min => onChange({ ...turn, from_min })}
      />
      <Moment
        label={t('rotas.until')}
        time={t('rotas.until.time')}
        at={turn.until_min}
        onChange={until_min => onChange({ ...turn, until_min })}
      />
      <IconButton
        className="policy-step-remove"
        label={t('rotas.turn.remove', { number })}
        icon={<Trash2 />}
        onClick={onRemove}
      />
    </fieldset>
  )
}

/** A moment of the week. */
function Moment(props: {
  label: string
  time: string
  at: number
  onChange: (at: number) => void
}) {
  const { label, time, at, onChange } = props
  const language = useLanguage()
  const { day, minute } = dayAndMinute(at)
  return (
    <div className="times">
      <Select
        label={label}
        value={day}
        onChange={event => onChange(ofWeek(Number(event.target.value), minute))}
      >
        {weekdays(language).map((name, index) => (
          <option key={name} value={index}>
            {name}
          </option>
        ))}
      </Select>
      <Field
        label={time}
        type="time"
        value={clockOf(minute)}
        onChange={event => {
          const chosen = minuteOf(event.target.value)
          if (chosen !== undefined) onChange(ofWeek(day, chosen))
        }}
      />
    </div>
  )
}
