import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Check, Field, Select, TextArea } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import {
  CALLERS,
  FIELDS,
  missing,
  type Provider,
  type ProviderField,
  providerOf,
  VENDORS,
  type Vendor,
  type Written,
  written,
} from './providers.ts'
import type { SaveWays, Ways } from './Ways.tsx'

/** An account with a vendor, and what it carries. */
export function ProviderForm(props: {
  settings: Ways['settings']
  /** With whom there is no account yet. */
  vendors: readonly Vendor[]
  /** The account to change; a new one if absent. */
  provider?: Provider
  onSave: SaveWays
  onClose: () => void
}) {
  const { settings, vendors, provider, onSave, onClose } = props
  const t = useText()
  const [vendor, setVendor] = useState<Vendor>(provider?.vendor ?? vendors[0] ?? 'twilio')
  const [values, setValues] = useState<Written>(provider ? written(provider) : {})
  const [sms, setSms] = useState(settings.sms === undefined || settings.sms === vendor)
  const [call, setCall] = useState(settings.call === undefined || settings.call === vendor)
  const names = FIELDS[vendor].map(({ name }) => name)
  // The server names a field by its place among all of them.
  const form = useForm(names, ({ field }) => {
    const name = names.find(name => field === name || field?.endsWith(`.${name}`))
    return name === undefined ? undefined : { field: name, key: 'ways.wrong' }
  })
  const canCall = CALLERS.includes(vendor)
  const submit = async () => {
    const open = missing(vendor, values, provider === undefined)
    if (open !== undefined) throw new Refused(open, 'ways.missing')
    const others = (settings.providers ?? []).filter(other => other.vendor !== vendor)
    await onSave({
      providers: [...others, providerOf(vendor, values)],
      sms: chosen(sms, settings.sms, vendor),
      call: chosen(call && canCall, settings.call, vendor),
    })
    toast('good', t('saved'))
    onClose()
  }
  return (
    <FormDialog
      title={provider ? VENDORS[provider.vendor] : t('ways.add')}
      action={t('save')}
      task={form}
      onSubmit={submit}
      onClose={onClose}
    >
      {!provider && (
        <Select
          label={t('ways.vendor')}
          value={vendor}
          onChange={event => setVendor(event.target.value as Vendor)}
        >
          {vendors.map(name => (
            <option key={name} value={name}>
              {VENDORS[name]}
            </option>
          ))}
        </Select>
      )}
      {FIELDS[vendor].map(field => (
        <AccountField
          key={field.name}
          field={field}
          known={provider !== undefined}
          value={values[field.name] ?? ''}
          error={form.at(field.name)}
          onChange={value => setValues({ ...values, [field.name]: value })}
        />
      ))}
      <Check
        label={t('ways.carriesSms')}
        checked={sms}
        onChange={event => setSms(event.target.checked)}
      />
      {canCall && (
        <Check
          label={t('ways.carriesCalls')}
          checked={call}
          onChange={event => setCall(event.target.checked)}
        />
      )}
    </FormDialog>
  )
}

/** Who carries it from now on. */
function chosen(wanted: boolean, now: Vendor | undefined, vendor: Vendor): Vendor | undefined {
  if (wanted) return vendor
  return now === vendor ? undefined : now
}

function AccountField(props: {
  field: ProviderField
  /** Whether its secret is there already. */
  known: boolean
  value: string
  error: string | undefined
  onChange: (value: string) => void
}) {
  const { field, known, value, error, onChange } = props
  const t = useText()
  const { label, hint, secret = false, optional = false, long = false } = field
  const name = optional ? t('ways.optional', { label: t(label) }) : t(label)
  const said = secret && known ? t('ways.secret.kept') : hint && t(hint)
  const common = { label: name, hint: said, error, value, spellCheck: false }
  if (long) {
    return <TextArea {...common} rows={3} onChange={event => onChange(event.target.value)} />
  }
  return (
    <Field
      {...common}
      type={secret ? 'password' : 'text'}
      autoComplete={secret ? 'new-password' : 'off'}
      onChange={event => onChange(event.target.value)}
    />
  )
}
