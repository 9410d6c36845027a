import type { ConvRules, Reply } from '@carillon/client'
import { useEffect, useState } from 'react'
import type { Language } from '../../texts/plugin.ts'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { Form, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Page, Section } from '../app/Page.tsx'
import { TimeZones } from '../app/TimeZones.tsx'
import { useClient } from '../app/workspace.ts'
import { RulesFields } from '../chat/RulesFields.tsx'
import { NAMES, preferred, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'

const CHANGES = ['org.updated'] as const
const LIMITS = ['conv.limits_changed'] as const

/** The organisation's name, and what new people start with. */
export function Organisation() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('org.get', {}), 'org')
  useChanges(CHANGES, loaded.again)
  return (
    <Page title={t('admin.organisation')} phoneBack="/admin">
      <Fetched loaded={loaded}>{org => <Settings org={org} />}</Fetched>
      <Groups />
    </Page>
  )
}

/** What groups may allow. */
function Groups() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('conv.limits.get', {}), 'limits')
  useChanges(LIMITS, loaded.again)
  return (
    <Section title={t('org.groups')}>
      <p className="soft">{t('org.groups.hint')}</p>
      <Fetched loaded={loaded}>{limit => <Limits limit={limit} />}</Fetched>
    </Section>
  )
}

function Limits({ limit }: { limit: ConvRules }) {
  const t = useText()
  const client = useClient()
  const form = useForm([])
  const [rules, setRules] = useState(limit)
  useEffect(() => setRules(limit), [limit])
  const same = rules.mention_all === limit.mention_all && rules.ding_all === limit.ding_all
  const save = async () => {
    await client.call('conv.limits.set', { rules })
    toast('good', t('saved'))
  }
  return (
    <Form task={form} onSubmit={save}>
      <RulesFields rules={rules} onChange={change => setRules({ ...rules, ...change })} />
      <div className="form-actions">
        <Button look="primary" type="submit" busy={form.busy} disabled={same}>
          {t('save')}
        </Button>
      </div>
    </Form>
  )
}

function Settings({ org: { name, locale, tz, members } }: { org: Reply<'org.get'> }) {
  const t = useText()
  const client = useClient()
  const form = useForm(['name', 'tz'])
  const [values, setValues] = useState({ name, locale, tz })
  // What somebody else has changed meanwhile.
  useEffect(() => setValues({ name, locale, tz }), [name, locale, tz])
  const same = values.name === name && values.locale === locale && values.tz === tz
  const save = async () => {
    await client.call('org.update', values)
    toast('good', t('saved'))
  }
  return (
    <section className="section">
      <p className="soft">{t('org.members', { count: members })}</p>
      <Form task={form} onSubmit={save}>
        <Field
          label={t('setup.org')}
          autoComplete="off"
          value={values.name}
          error={form.at('name')}
          onChange={event => setValues({ ...values, name: event.target.value })}
        />
        <Select
          label={t('org.locale')}
          hint={t('org.locale.hint')}
          value={preferred([values.locale])}
          onChange={event => setValues({ ...values, locale: event.target.value as Language })}
        >
          {Object.entries(NAMES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </Select>
        <TimeZones
          label={t('org.tz')}
          error={form.at('tz')}
          value={values.tz}
          onChange={tz => setValues({ ...values, tz })}
        />
        <div className="form-actions">
          <Button look="primary" type="submit" busy={form.busy} disabled={same}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </section>
  )
}
