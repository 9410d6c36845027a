import { LIMITS, newId, type Role } from '@carillon/client'
import { Plus } from 'lucide-react'
import { useRef, useState } from 'react'
import { useRoles } from '../admin/roles.ts'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { policySentences } from '../ding/sentences.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, Field } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import './alerts.css'
import { amount, hundredths, isPaid, quietSentences } from './limits.ts'
import { OwnQuiet } from './OwnQuiet.tsx'
import { peopleIn, type Rules } from './Policies.tsx'
import { RoleChecks } from './RoleChecks.tsx'
import { StepFields } from './StepFields.tsx'
import { type Duty, useSpeechOf } from './useNames.ts'

type Step = Rules['steps'][number]

const meaning: Meaning = ({ code, field }) => {
  if (field?.endsWith('name')) {
    return { field: 'name', key: code === 'E_CONFLICT' ? 'wrong.name.taken' : 'wrong.name' }
  }
  if (field?.startsWith('rules.overriders')) return { key: 'roles.gone' }
  if (field === 'rules.quiet') return { key: 'policies.quiet.never' }
  return undefined
}

/** Makes a policy, or changes one. What it means is read while it is made. */
export function PolicyForm(props: {
  /** Which; a new one if absent. */
  policy?: string
  rules: Rules
  duties: readonly Duty[]
  onDone: () => void
}) {
  const { policy, rules, duties, onDone } = props
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'cost'], meaning)
  const roles = useRoles()
  const [values, setValues] = useState(rules)
  const [cost, setCost] = useState(amount(rules.cost_max))
  // Who presses again after an answer that was lost means the same policy.
  const intent = useRef({ asked: '', cid: newId() })
  const change = (part: Partial<Rules>) => setValues({ ...values, ...part })
  const submit = async () => {
    const cost_max = hundredths(cost)
    if (cost_max === undefined) throw new Refused('cost', 'policies.cost.wrong')
    const isOpen = values.steps.some(({ whom }) => whom?.kind === 'user' && whom.user === '')
    if (isOpen) throw new Refused('steps', 'policies.whom.missing')
    const made = { ...values, name: values.name.trim(), cost_max }
    if (policy !== undefined) {
      await client.call('ding.policy.update', { policy, rules: made })
    } else {
      const asked = JSON.stringify(made)
      if (intent.current.asked !== asked) intent.current = { asked, cid: newId() }
      await client.call('ding.policy.create', { rules: made }, { cid: intent.current.cid })
    }
    toast('good', t('saved'))
    onDone()
  }
  return (
    <FormDialog
      title={t(policy === undefined ? 'policies.add' : 'policies.change')}
      action={t('save')}
      task={form}
      onSubmit={submit}
      onClose={onDone}
    >
      <Field
        label={t('policies.name')}
        autoComplete="off"
        maxLength={LIMITS.NAME_LEN_MAX}
        value={values.name}
        error={form.at('name')}
        data-autofocus
        onChange={event => change({ name: event.target.value })}
      />
      <Steps steps={values.steps} duties={duties} onChange={steps => change({ steps })} />
      <Meaningful rules={values} duties={duties} roles={roles} />
      {values.steps.some(({ channel }) => isPaid(channel)) && (
        <Field
          label={t('policies.cost')}
          hint={t('policies.cost.hint')}
          inputMode="decimal"
          value={cost}
          error={form.at('cost')}
          onChange={event => setCost(event.target.value)}
        />
      )}
      <Check
        label={t('policies.loud')}
        hint={t('policies.loud.hint')}
        checked={values.overrides_quiet ?? false}
        onChange={event => change({ overrides_quiet: event.target.checked })}
      />
      {!values.overrides_quiet && (
        <OwnQuiet quiet={values.quiet ?? []} onChange={quiet => change({ quiet })} />
      )}
      <Overriders rules={values} roles={roles} onChange={change} />
    </FormDialog>
  )
}

/** The steps, one after another. */
function Steps(props: {
  steps: readonly Step[]
  duties: readonly Duty[]
  onChange: (steps: Step[]) => void
}) {
  const { steps, duties, onChange } = props
  const t = useText()
  // A step has no name of its own: what is drawn goes by the order in which they were made.
  const keys = useRef(steps.map(() => newId()))
  const add = () => {
    keys.current = [...keys.current, newId()]
    onChange([...steps, { after_s: (steps.at(-1)?.after_s ?? 0) + 300, channel: 'push' }])
  }
  const remove = (at: number) => {
    keys.current = keys.current.filter((_, index) => index !== at)
    onChange(steps.filter((_, index) => index !== at))
  }
  return (
    <>
      {steps.map((step, at) => (
        <StepFields
          key={keys.current[at]}
          number={at + 1}
          step={step}
          duties={duties}
          onChange={changed => onChange(steps.map((old, index) => (index === at ? changed : old)))}
          {...(at > 0 && { onRemove: () => remove(at) })}
        />
      ))}
      {steps.length < LIMITS.DING_STEPS_MAX && (
        <Button icon={<Plus />} onClick={add}>
          {t('policies.step.add')}
        </Button>
      )}
    </>
  )
}

/** Who may pass over quiet hours under this policy, besides those who may under all. */
function Overriders(props: {
  rules: Rules
  roles: readonly Role[]
  onChange: (part: Partial<Rules>) => void
}) {
  const { rules, roles, onChange } = props
  const t = useText()
  return (
    <RoleChecks
      label={t('policies.overriders')}
      roles={roles}
      chosen={rules.overriders ?? []}
      onChange={overriders => onChange({ overriders })}
    />
  )
}

/** What the policy says, in sentences. */
function Meaningful(props: { rules: Rules; duties: readonly Duty[]; roles: readonly Role[] }) {
  const { rules, duties, roles } = props
  const t = useText()
  const speech = useSpeechOf(peopleIn([{ rules }]), duties)
  return (
    <section className="policy-means" aria-label={t('policies.means')}>
      <h3>{t('policies.means')}</h3>
      <ol className="policy-steps">
        {policySentences(speech, rules).map(sentence => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      <p>{quietSentences(speech, rules, roles).join(' ')}</p>
    </section>
  )
}
