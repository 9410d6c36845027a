import type { Reply } from '@carillon/client'
import { useState } from 'react'
import { useRoles } from '../admin/roles.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Form, type Meaning, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Page, Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { policyName } from '../ding/sentences.ts'
import { Refused } from '../texts/failure.ts'
import { type Key, useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, Field, Select } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import './alerts.css'
import { amount, currencyOf, hundredths } from './limits.ts'
import { QuietFields } from './QuietFields.tsx'
import { NIGHT } from './quiet.ts'
import { RoleChecks } from './RoleChecks.tsx'
import { Rotas } from './Rotas.tsx'

type Settings = Reply<'ding.settings.get'>
type Policies = Reply<'ding.policy.list'>

const REACHES: Readonly<Record<Settings['reach'], Key>> = {
  everybody: 'dingRules.reach.everybody',
  department: 'dingRules.reach.department',
  managed: 'dingRules.reach.managed',
  nobody: 'dingRules.reach.nobody',
}
/** Those that are chosen here most, first; then all others. */
const NEAR = ['HKD', 'CNY', 'MOP', 'TWD', 'USD', 'EUR', 'GBP', 'SGD', 'JPY']
const CURRENCIES = [...new Set([...NEAR, ...Intl.supportedValuesOf('currency')])]
const SENT_MAX = 1000
const PAID_MAX = 100

/** Who may alert whom, when people are left in peace, and who is on duty. */
export function DingRules() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(async () => {
    const [settings, policies] = await Promise.all([
      client.call('ding.settings.get', {}),
      client.call('ding.policy.list', {}),
    ])
    return { settings, policies }
  }, 'rules')
  return (
    <Page title={t('dingRules')} phoneBack="/admin">
      <Fetched loaded={loaded}>{known => <Rules {...known} />}</Fetched>
      <Rotas />
    </Page>
  )
}

const meaning: Meaning = ({ field }) =>
  /^(senders|overriders)\[/.test(field ?? '') ? { key: 'roles.gone' } : undefined

/** A whole number of a field. */
function count(written: string, field: string, min: number, max: number): number {
  const number = Number(written)
  const isRight =
    written.trim() !== '' && Number.isInteger(number) && number >= min && number <= max
  if (!isRight) throw new Refused(field, 'dingRules.number')
  return number
}

function Rules({ settings, policies }: { settings: Settings; policies: Policies }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['sent', 'paid', 'day', 'month'], meaning)
  const [values, setValues] = useState(settings)
  const [sent, setSent] = useState(`${settings.sent_a_day}`)
  const [paid, setPaid] = useState(`${settings.paid_a_day}`)
  const [day, setDay] = useState(written(settings.cost_a_day))
  const [month, setMonth] = useState(written(settings.cost_a_month))
  const change = (part: Partial<Settings>) => setValues({ ...values, ...part })
  const save = async () => {
    const sent_a_day = count(sent, 'sent', 1, SENT_MAX)
    const paid_a_day = count(paid, 'paid', 0, PAID_MAX)
    const [cost_a_day, cost_a_month] = [budget(day, 'day'), budget(month, 'month')]
    const counted = { sent_a_day, paid_a_day, cost_a_day, cost_a_month }
    await client.call('ding.settings.set', { ...values, ...counted })
    toast('good', t('saved'))
  }
  return (
    <Section title={t('dingRules.who')}>
      <Form task={form} onSubmit={save}>
        <Select
          label={t('dingRules.reach')}
          value={values.reach}
          onChange={event => change({ reach: event.target.value as Settings['reach'] })}
        >
          {Object.entries(REACHES).map(([reach, key]) => (
            <option key={reach} value={reach}>
              {t(key)}
            </option>
          ))}
        </Select>
        <WithRoles values={values} onChange={change} />
        <QuietHours quiet={values.quiet} onChange={quiet => change({ quiet })} />
        <Field
          label={t('dingRules.sent')}
          inputMode="numeric"
          value={sent}
          error={form.at('sent')}
          onChange={event => setSent(event.target.value)}
        />
        <Field
          label={t('dingRules.paid')}
          hint={t('dingRules.paid.hint')}
          inputMode="numeric"
          value={paid}
          error={form.at('paid')}
          onChange={event => setPaid(event.target.value)}
        />
        <Currency values={values} onChange={change} />
        <div className="times">
          <Field
            label={t('dingRules.day')}
            hint={t('dingRules.budget.hint')}
            inputMode="decimal"
            value={day}
            error={form.at('day')}
            onChange={event => setDay(event.target.value)}
          />
          <Field
            label={t('dingRules.month')}
            hint={t('dingRules.budget.hint')}
            inputMode="decimal"
            value={month}
            error={form.at('month')}
            onChange={event => setMonth(event.target.value)}
          />
        </div>
        <Select
          label={t('dingRules.first')}
          value={values.first}
          onChange={event => change({ first: event.target.value })}
        >
          {policies.policies.map(policy => (
            <option key={policy.policy} value={policy.policy}>
              {policyName(t, policy)}
            </option>
          ))}
        </Select>
        <div className="form-actions">
          <Button look="primary" type="submit" busy={form.busy}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Section>
  )
}

/** A limit as it stands in a field, where none is nothing. */
function written(limit: number | undefined): string {
  return limit === undefined ? '' : amount(limit)
}

/** A limit of a field; nothing if it is left empty. */
function budget(written: string, field: string): number | undefined {
  if (written.trim() === '') return undefined
  const read = hundredths(written)
  if (read === undefined) throw new Refused(field, 'policies.cost.wrong')
  return read
}

/** What prices and limits are in. */
function Currency(props: { values: Settings; onChange: (part: Partial<Settings>) => void }) {
  const { values, onChange } = props
  const t = useText()
  const names = new Intl.DisplayNames(useLanguage(), { type: 'currency' })
  return (
    <Select
      label={t('dingRules.currency')}
      value={currencyOf(values)}
      onChange={event => onChange({ currency: event.target.value })}
    >
      {CURRENCIES.map(code => (
        <option key={code} value={code}>
          {`${code} ${names.of(code) ?? ''}`}
        </option>
      ))}
    </Select>
  )
}

/** What needs a role; administrators may it anyway. */
function WithRoles(props: { values: Settings; onChange: (part: Partial<Settings>) => void }) {
  const { values, onChange } = props
  const t = useText()
  const roles = useRoles()
  const { senders = [], overriders = [] } = values
  const isChosen = senders.length + overriders.length > 0
  if (!isChosen && roles.every(({ administrator }) => administrator))
    return <p className="soft">{t('dingRules.noRoles')}</p>
  return (
    <>
      <RoleChecks
        label={t('dingRules.senders')}
        roles={roles}
        chosen={senders}
        onChange={senders => onChange({ senders })}
      />
      <RoleChecks
        label={t('dingRules.overriders')}
        roles={roles}
        chosen={overriders}
        onChange={overriders => onChange({ overriders })}
      />
    </>
  )
}

/** When what makes a noise waits. */
function QuietHours(props: {
  quiet: Settings['quiet']
  onChange: (quiet: Settings['quiet']) => void
}) {
  const { quiet, onChange } = props
  const t = useText()
  return (
    <fieldset className="choice">
      <legend>{t('dingRules.quiet')}</legend>
      <Check
        label={t('dingRules.quiet.on')}
        hint={t('dingRules.quiet.hint')}
        checked={quiet !== undefined}
        onChange={event => onChange(event.target.checked ? NIGHT : undefined)}
      />
      {quiet && <QuietFields quiet={quiet} onChange={onChange} />}
    </fieldset>
  )
}
