import type { DingDeputyFound, UserId } from '@carillon/client'
import { useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { usePerson } from '../model/hooks.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { beginning, dayOf } from './days.ts'
import './settings.css'

const OWN = { title: 'deputy', hint: 'deputy.hint', for: 'deputy.for' } as const
const OTHERS = { title: 'deputy.of', hint: 'deputy.of.hint', for: 'deputy.of.for' } as const
type Words = typeof OWN | typeof OTHERS

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
            <Form key={JSON.stringify(found)} of={of} found={found} onSaved={loaded.again} />
            {found.stands_in_for.map(other => (
              <For key={other} user={other} text={words.for} />
            ))}
          </>
        )}
      </Fetched>
    </Section>
  )
}

function For({ user, text }: { user: UserId; text: Words['for'] }) {
  const t = useText()
  const person = usePerson(user)
  return <p>{t(text, { name: person?.name ?? t('chat.someone') })}</p>
}

function Form(props: { of: { user?: UserId }; found: DingDeputyFound; onSaved: () => void }) {
  const { of, found, onSaved } = props
  const t = useText()
  const client = useClient()
  const task = useTask()
  const before = found.deputy
  const [who, setWho] = useState(before?.deputy)
  const [from, setFrom] = useState(dayOf(before?.from))
  const [last, setLast] = useState(before?.until === undefined ? '' : dayOf(before.until - 1))
  const save = () =>
    task.run(async () => {
      const [begins, ends] = [beginning(from), beginning(last, 1)]
      const period = {
        ...(begins === undefined ? {} : { from: begins }),
        ...(ends === undefined ? {} : { until: ends }),
      }
      const named = who ? { deputy: { deputy: who, ...period } } : {}
      await client.call('ding.deputy.set', { ...of, ...named })
      onSaved()
    })
  return (
    <form
      className="stand-in"
      onSubmit={event => {
        event.preventDefault()
        void save()
      }}
    >
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <PersonPicker label={t('deputy.who')} value={who} onChange={setWho} />
      {who && (
        <div className="stand-in-days">
          <Field
            type="date"
            label={t('deputy.from')}
            value={from}
            onChange={event => setFrom(event.target.value)}
          />
          <Field
            type="date"
            label={t('deputy.last')}
            value={last}
            min={from || dayOf(Date.now())}
            onChange={event => setLast(event.target.value)}
          />
        </div>
      )}
      {(who || before) && (
        <Button type="submit" look="primary" busy={task.busy}>
          {t('deputy.save')}
        </Button>
      )}
    </form>
  )
}
