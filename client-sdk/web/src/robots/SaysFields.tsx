import { useState } from 'react'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { type Key, useText } from '../texts/language.tsx'
import '../ui/choice.css'
import { Check, TextArea } from '../ui/Field.tsx'
import type { Schedule } from './Schedules.tsx'
import { faultOf } from './says.ts'
import { FIRST, TemplateFields } from './TemplateFields.tsx'

type Says = Schedule['says']
type Ready = Extract<Says, { kind: 'digest' }>['digest']

/** The digests that come with the server. */
const READY: Readonly<Record<Ready, { name: Key; hint: Key }>> = {
  group_yesterday: { name: 'digest.group', hint: 'digest.group.hint' },
  dings: { name: 'digest.dings', hint: 'digest.dings.hint' },
  rooms: { name: 'digest.rooms', hint: 'digest.rooms.hint' },
  bottlenecks: { name: 'digest.bottlenecks', hint: 'digest.bottlenecks.hint' },
}

/** What is posted: one of the digests, one of one's own, or a text. */
export function SaysFields(props: {
  robot: string
  says: Says
  error: string | undefined
  onChange: (says: Says) => void
}) {
  const { robot, says, error, onChange } = props
  const t = useText()
  const { denied, facts } = useOffered(robot)
  // What was written waits for its choice to be made again: in a group one arrow key is a choice.
  const [template, setTemplate] = useState(says.kind === 'template' ? says.template : FIRST)
  const [text, setText] = useState(says.kind === 'text' ? says.text : '')
  const fault = faultOf(says)
  return (
    <fieldset className="choice">
      <legend>{t('schedules.says')}</legend>
      {(Object.keys(READY) as Ready[]).map(digest => (
        <Check
          key={digest}
          type="radio"
          name="says"
          label={t(READY[digest].name)}
          hint={t(denied.includes(digest) ? 'digest.denied' : READY[digest].hint)}
          disabled={denied.includes(digest)}
          checked={says.kind === 'digest' && says.digest === digest}
          onChange={() => onChange({ kind: 'digest', digest })}
        />
      ))}
      <Check
        type="radio"
        name="says"
        label={t('schedules.template')}
        hint={t('schedules.template.hint')}
        checked={says.kind === 'template'}
        onChange={() => onChange({ kind: 'template', template })}
      />
      <Check
        type="radio"
        name="says"
        label={t('schedules.text')}
        checked={says.kind === 'text'}
        onChange={() => onChange({ kind: 'text', text })}
      />
      {says.kind === 'template' && (
        <>
          {error && (
            <p className="field-error" role="alert">
              {error}
            </p>
          )}
          <TemplateFields
            template={says.template}
            facts={facts}
            introError={fault?.field === 'intro' ? t(fault.key) : undefined}
            onChange={next => {
              setTemplate(next)
              onChange({ kind: 'template', template: next })
            }}
          />
        </>
      )}
      {says.kind === 'text' && (
        <TextArea
          label={t('schedules.text.label')}
          hint={t('schedules.text.hint')}
          rows={4}
          value={says.text}
          error={error}
          onChange={event => {
            setText(event.target.value)
            onChange({ kind: 'text', text: event.target.value })
          }}
        />
      )}
    </fieldset>
  )
}

/** The digests that ask for what the person may not see, and the facts that they may. */
function useOffered(robot: string) {
  const client = useClient()
  const loaded = useLoad(() => client.call('bot.digest.list', { robot }), robot)
  if (loaded.state !== 'there') return { denied: [], facts: [] }
  const { ready, facts } = loaded.value
  return { denied: ready.filter(({ allowed }) => !allowed).map(({ digest }) => digest), facts }
}
