import type { DingDeputyFound, UserId } from '@carillon/client'
import { useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { Form, type Meaning, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { usePerson } from '../model/hooks.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { type Key, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import { beginning, dayOf } from './days.ts'
import './settings.css'

const OWN = { title: 'deputy', hint: 'deputy.hint', for: 'deputy.for' } as const
const OTHERS = { title: 'deputy.of', hint: 'deputy.of.hint', for: 'deputy.of.for' } as const
type Words = typeof OWN | typeof OTHERS
type Absence = DingDeputyFound['stands_in_for'][number]

/**
 * Who is called instead of a person while they are away, and for whom that person is: of oneself,
 * or of somebody else by who administers.
 */
export function StandIn({ user }: { user?: UserId }) {
  const t = useText()
  const client = useClient()
  const of = user === undefined ? {} : { user }
  const words = user === undefined ? OWN : OTHERS
  const loaded = useLoad(() => client.call('ding.deputy.get', of), user ?? '')
  return (
    <Section title={t(words.title)} hint={t(words.hint)}>
      <Fetched loaded={loaded}>
        {found => (
          <>
            <Fields key={JSON.stringify(found)} of={of} found={found} onSaved={loaded.again} />
            {found.stands_in_for.map(absence => (
              <For key={absence.user} absence={absence} text={words.for} />
            ))}
          </>
        )}
      </Fetched>
    </Section>
  )
}

function For({ absence, text }: { absence: Absence; text: Words['for'] }) {
  const t = useText()
  const when = useWhen()
  const person = usePerson(absence.user)
  const { from, until } = absence
  const days = {
    ...(from !== undefined && { from: when.day(from) }),
    // It ends as the day after the last one begins.
    ...(until !== undefined && { last: when.day(until - 1) }),
  }
  const begins = from !== undefined ? 'deputy.days.from' : undefined
  const ends = until !== undefined ? 'deputy.days.last' : undefined
  const key = begins && ends ? 'deputy.days' : (begins ?? ends)
  return (
    <p>
      {t(text, { name: person?.name ?? t('chat.someone') })}{' '}
      {key && <span className="soft">{t(key, days)}</span>}
    </p>
  )
}

/** What is wrong with a field, by the name that the server has for it. */
const WRONG: Readonly<Record<string, Key>> = {
  'deputy.deputy': 'deputy.self',
  'deputy.from': 'deputy.from.wrong',
  'deputy.until': 'deputy.last.wrong',
}

const meaning: Meaning = ({ code, field = '' }) => {
  const key = code === 'E_BAD_ARG' ? WRONG[field] : undefined
  return key && { key }
}

function Fields(props: { of: { user?: UserId }; found: DingDeputyFound; onSaved: () => void }) {
  const { of, found, onSaved } = props
  const t = useText()
  const client = useClient()
  const form = useForm(Object.keys(WRONG), meaning)
  const before = found.deputy
  const [who, setWho] = useState(before?.deputy)
  const [from, setFrom] = useState(dayOf(before?.from))
  const [last, setLast] = useState(before?.until === undefined ? '' : dayOf(before.until - 1))
  const save = async () => {
    const [begins, ends] = [beginning(from), beginning(last, 1)]
    const period = {
      ...(begins === undefined ? {} : { from: begins }),
      ...(ends === undefined ? {} : { until: ends }),
    }
    const named = who ? { deputy: { deputy: who, ...period } } : {}
    await client.call('ding.deputy.set', { ...of, ...named })
    toast('good', t('saved'))
    onSaved()
  }
  const choose = (user: UserId | undefined) => {
    form.clear()
    setWho(user)
  }
  return (
    <Form task={form} onSubmit={save}>
      <PersonPicker
        label={t('deputy.who')}
        value={who}
        error={form.at('deputy.deputy')}
        onChange={choose}
      />
      {who && (
        <div className="stand-in-days">
          <Field
            type="date"
            label={t('deputy.from')}
            value={from}
            error={form.at('deputy.from')}
            onChange={event => setFrom(event.target.value)}
          />
          <Field
            type="date"
            label={t('deputy.last')}
            value={last}
            min={from || dayOf(Date.now())}
            error={form.at('deputy.until')}
            onChange={event => setLast(event.target.value)}
          />
        </div>
      )}
      {(who || before) && (
        <div className="form-actions">
          <Button type="submit" look="primary" busy={form.busy}>
            {t('deputy.save')}
          </Button>
        </div>
      )}
    </Form>
  )
}
