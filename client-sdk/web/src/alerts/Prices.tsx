import { useState } from 'react'
import { Form, useForm } from '../app/form.tsx'
import { Section } from '../app/Page.tsx'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import { amount, hundredths } from './limits.ts'
import type { SaveWays, Ways } from './Ways.tsx'

/** What a message and a call cost, and how numbers without a country code are read. */
export function Prices(props: { settings: Ways['settings']; onSave: SaveWays }) {
  const { settings, onSave } = props
  const t = useText()
  const form = useForm(['sms', 'call', 'prefix'])
  const [sms, setSms] = useState(amount(settings.prices?.sms ?? 0))
  const [call, setCall] = useState(amount(settings.prices?.call ?? 0))
  const [prefix, setPrefix] = useState(settings.prefix ?? '')
  const price = (written: string, field: string) => {
    const read = hundredths(written)
    if (read === undefined) throw new Refused(field, 'policies.cost.wrong')
    return read
  }
  const save = async () => {
    const code = prefix.trim()
    if (code !== '' && !/^\+\d{1,4}$/.test(code)) throw new Refused('prefix', 'ways.prefix.wrong')
    const prices = { sms: price(sms, 'sms'), call: price(call, 'call') }
    await onSave({ prices, prefix: code || undefined })
    toast('good', t('saved'))
  }
  return (
    <Section title={t('ways.prices')} hint={t('ways.prices.hint')}>
      <Form task={form} onSubmit={save}>
        <div className="times">
          <Field
            label={t('ways.price.sms')}
            inputMode="decimal"
            value={sms}
            error={form.at('sms')}
            onChange={event => setSms(event.target.value)}
          />
          <Field
            label={t('ways.price.call')}
            inputMode="decimal"
            value={call}
            error={form.at('call')}
            onChange={event => setCall(event.target.value)}
          />
        </div>
        <Field
          label={t('ways.prefix')}
          hint={t('ways.prefix.hint')}
          inputMode="tel"
          value={prefix}
          error={form.at('prefix')}
          onChange={event => setPrefix(event.target.value)}
        />
        <div className="form-actions">
          <Button type="submit" busy={form.busy}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Section>
  )
}
