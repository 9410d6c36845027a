import { type BotGranted, type BotRobot, type BotRules, LIMITS, newId } from '@carillon/client'
import { useRef, useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Check, Field, TextArea } from '../ui/Field.tsx'
import { linesOf } from './example.ts'

/** Messages a minute if nobody says anything else, as the server has it. */
const PER_MINUTE = 20

/** What was made, with what the person should be shown of it. */
export interface Made {
  name: string
  /** Without a token if only the secret is new. */
  granted: BotGranted
  keyword?: string
}

/** The server names a rule by its place. */
const meaning: Meaning = ({ field }) => {
  if (field?.startsWith('rules.keywords')) return { field: 'keywords', key: 'wrong.keywords' }
  if (field?.startsWith('rules.networks')) return { field: 'networks', key: 'wrong.networks' }
  return undefined
}

/** Makes a robot, or changes one. */
export function RobotForm({
  conv,
  robot,
  onClose,
  onDone,
}: {
  conv: Conversation
  robot?: BotRobot
  onClose: () => void
  onDone: (made: Made) => void
}) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'keywords', 'networks', 'rate'], meaning)
  const before = robot?.rules
  const [name, setName] = useState(robot?.name ?? '')
  const [keywords, setKeywords] = useState(before?.keywords?.join('\n') ?? '')
  const [networks, setNetworks] = useState(before?.networks?.join('\n') ?? '')
  const [rate, setRate] = useState(String(before?.per_minute ?? PER_MINUTE))
  const [signed, setSigned] = useState(before?.signed ?? false)
  const [enabled, setEnabled] = useState(robot?.enabled ?? true)
  // Who presses again after an answer that was lost means the same robot, and gets its address.
  const intent = useRef({ asked: '', cid: newId() })
  const submit = async () => {
    const perMinute = Number(rate)
    const inRange = perMinute >= 1 && perMinute <= LIMITS.ROBOT_PER_MINUTE_MAX
    if (!(Number.isInteger(perMinute) && inRange)) throw new Refused('rate', 'wrong.rate')
    const words = linesOf(keywords)
    const rules: BotRules = {
      keywords: words,
      networks: linesOf(networks),
      per_minute: perMinute,
      signed,
    }
    const [keyword] = words
    const shown = { name: name.trim(), ...(keyword ? { keyword } : {}) }
    if (robot === undefined) {
      const create = { conv: conv.id, name, rules }
      const asked = JSON.stringify(create)
      if (intent.current.asked !== asked) intent.current = { asked, cid: newId() }
      const granted = await client.call('bot.create', create, { cid: intent.current.cid })
      onDone({ ...shown, granted })
      return
    }
    const update = { robot: robot.robot, rules, enabled }
    const renamed = name === robot.name ? update : { ...update, name }
    const updated = await client.call('bot.update', renamed)
    onDone({ ...shown, granted: { robot: robot.robot, token: '', ...updated } })
  }
  return (
    <FormDialog
      title={t(robot ? 'robots.change' : 'robots.add')}
      action={t(robot ? 'save' : 'robots.add')}
      task={form}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field
        label={t('robots.name')}
        value={name}
        error={form.at('name')}
        maxLength={LIMITS.NAME_LEN_MAX}
        data-autofocus
        onChange={event => setName(event.target.value)}
      />
      {robot && (
        <Check
          label={t('robots.enabled')}
          checked={enabled}
          onChange={event => setEnabled(event.target.checked)}
        />
      )}
      <TextArea
        label={t('robots.keywords')}
        hint={t('robots.keywords.hint')}
        rows={2}
        value={keywords}
        error={form.at('keywords')}
        onChange={event => setKeywords(event.target.value)}
      />
      <Check
        label={t('robots.signed')}
        hint={t('robots.signed.hint')}
        checked={signed}
        onChange={event => setSigned(event.target.checked)}
      />
      <TextArea
        label={t('robots.networks')}
        hint={t('robots.networks.hint')}
        rows={2}
        value={networks}
        error={form.at('networks')}
        onChange={event => setNetworks(event.target.value)}
      />
      <Field
        label={t('robots.rate')}
        inputMode="numeric"
        value={rate}
        error={form.at('rate')}
        onChange={event => setRate(event.target.value)}
      />
    </FormDialog>
  )
}
