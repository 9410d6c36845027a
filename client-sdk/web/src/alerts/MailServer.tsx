import { Pencil, Plus } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { Section } from '../app/Page.tsx'
import { Refused } from '../texts/failure.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field, Select, TextArea } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import type { WaysSet } from './providers.ts'
import type { SaveWays } from './Ways.tsx'

type Mail = NonNullable<WaysSet['mail']>

const SECURITY: Readonly<Record<Mail['security'], Key>> = {
  tls: 'ways.mail.tls',
  starttls: 'ways.mail.starttls',
  plain: 'ways.mail.plain',
}
/** The port of mail servers for each way to protect the connection. */
const PORTS: Readonly<Record<Mail['security'], number>> = { tls: 465, starttls: 587, plain: 25 }
const PORT_MAX = 65_535
const NEW: Mail = { host: '', port: PORTS.starttls, security: 'starttls', from: '' }

/** The mail server, and what it is asked for. */
export function MailServer({ mail, onSave }: { mail: WaysSet['mail']; onSave: SaveWays }) {
  const t = useText()
  const [doing, setDoing] = useState<'change' | 'remove'>()
  const close = () => setDoing(undefined)
  return (
    <Section title={t('ways.mail')}>
      {mail ? (
        <p>
          <bdi>
            {mail.host}:{mail.port}
          </bdi>{' '}
          <bdi className="soft">{mail.from}</bdi>
        </p>
      ) : (
        <p className="soft">{t('ways.mail.none')}</p>
      )}
      <div className="form-actions">
        <Button icon={mail ? <Pencil /> : <Plus />} onClick={() => setDoing('change')}>
          {t(mail ? 'ways.mail.change' : 'ways.mail.add')}
        </Button>
        {mail && (
          <Button look="danger" onClick={() => setDoing('remove')}>
            {t('ways.mail.remove')}
          </Button>
        )}
      </div>
      {doing === 'change' && <MailForm mail={mail} onSave={onSave} onClose={close} />}
      {doing === 'remove' && (
        <Confirm
          title={t('ways.mail.remove')}
          action={t('push.remove')}
          onConfirm={() => onSave({ mail: undefined })}
          onClose={close}
        >
          <p>{t('ways.mail.remove.words')}</p>
        </Confirm>
      )}
    </Section>
  )
}

function MailForm(props: { mail: WaysSet['mail']; onSave: SaveWays; onClose: () => void }) {
  const { mail, onSave, onClose } = props
  const t = useText()
  const form = useForm(['host', 'port', 'from'], ({ field }) => {
    const name = field?.replace(/^.*\./, '')
    return name === 'host' || name === 'port' || name === 'from'
      ? { field: name, key: 'ways.wrong' }
      : undefined
  })
  const [values, setValues] = useState(mail ?? NEW)
  const [port, setPort] = useState(`${values.port}`)
  const [password, setPassword] = useState('')
  const change = (part: Partial<Mail>) => setValues({ ...values, ...part })
  const submit = async () => {
    const number = Number(port)
    const isPort = Number.isInteger(number) && number > 0 && number <= PORT_MAX
    if (!isPort) throw new Refused('port', 'ways.wrong')
    const { user, authorities, ...rest } = values
    await onSave({
      mail: {
        ...rest,
        port: number,
        ...(user?.trim() && { user: user.trim() }),
        ...(authorities?.trim() && { authorities }),
        ...(password && { password }),
      },
    })
    toast('good', t('saved'))
    onClose()
  }
  return (
    <FormDialog
      title={t('ways.mail')}
      action={t('save')}
      task={form}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field
        label={t('ways.mail.host')}
        hint={t('ways.mail.host.hint')}
        autoComplete="off"
        spellCheck={false}
        value={values.host}
        error={form.at('host')}
        data-autofocus
        onChange={event => change({ host: event.target.value.trim() })}
      />
      <Select
        label={t('ways.mail.security')}
        value={values.security}
        onChange={event => {
          const security = event.target.value as Mail['security']
          change({ security })
          setPort(`${PORTS[security]}`)
        }}
      >
        {Object.entries(SECURITY).map(([security, key]) => (
          <option key={security} value={security}>
            {t(key)}
          </option>
        ))}
      </Select>
      <Field
        label={t('ways.mail.port')}
        inputMode="numeric"
        value={port}
        error={form.at('port')}
        onChange={event => setPort(event.target.value)}
      />
      <Field
        label={t('ways.mail.from')}
        hint={t('ways.mail.from.hint')}
        autoComplete="off"
        value={values.from}
        error={form.at('from')}
        onChange={event => change({ from: event.target.value })}
      />
      <Field
        label={t('ways.mail.user')}
        autoComplete="off"
        value={values.user ?? ''}
        onChange={event => change({ user: event.target.value })}
      />
      <Field
        label={t('ways.mail.password')}
        {...(mail && { hint: t('ways.secret.kept') })}
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={event => setPassword(event.target.value)}
      />
      <TextArea
        label={t('ways.mail.authorities')}
        hint={t('ways.mail.authorities.hint')}
        rows={2}
        spellCheck={false}
        value={values.authorities ?? ''}
        onChange={event => change({ authorities: event.target.value })}
      />
    </FormDialog>
  )
}
