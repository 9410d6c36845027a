import type { Reply, UserId } from '@carillon/client'
import { Mail, Phone } from 'lucide-react'
import { useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { FormDialog } from '../app/FormDialog.tsx'
import { Form, type Meaning, useForm, useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import './settings.css'

type Known = Reply<'notify.contact.get'>
type Kind = keyof Known

const KINDS = ['phone', 'email'] as const satisfies readonly Kind[]
/** Digits of a code. */
const CODE_LEN = 6

const LABELS = { phone: 'contact.phone', email: 'contact.email' } as const
const HINTS = { phone: 'contact.phone.hint', email: 'contact.email.hint' } as const

const meantOfAddress: Meaning = ({ code, field }) => {
  // The organisation has nobody who could carry a code there.
  if (code === 'E_CONFLICT') return { field: 'address', key: 'contact.noWay' }
  return field === 'address' ? { field: 'address', key: 'contact.wrong' } : undefined
}

const meantOfCode: Meaning = ({ code, field }) => {
  const isWrong = code === 'E_CONFLICT' || field === 'code'
  return isWrong ? { field: 'code', key: 'contact.code.wrong' } : undefined
}

/** The phone number and the e-mail address at which a person is alerted. */
export function Contacts({ user }: { user?: UserId }) {
  const t = useText()
  const client = useClient()
  const of = user === undefined ? {} : { user }
  const loaded = useLoad(() => client.call('notify.contact.get', of), user ?? '')
  return (
    <Section title={t('contact')} hint={user === undefined && t('contact.hint')}>
      <Fetched loaded={loaded}>
        {known => (
          <ul className="devices">
            {KINDS.map(kind => (
              <Contact key={kind} of={of} kind={kind} known={known} onChanged={loaded.again} />
            ))}
          </ul>
        )}
      </Fetched>
    </Section>
  )
}

/** Whose: somebody else's by those who administer people, who need no code. */
type Whose = { user?: UserId }

function Contact(props: { of: Whose; kind: Kind; known: Known; onChanged: () => void }) {
  const { of, kind, known, onChanged } = props
  const t = useText()
  const client = useClient()
  const task = useTask()
  const [changing, setChanging] = useState(false)
  const { address, pending } = known[kind] ?? {}
  const label = t(LABELS[kind])
  const remove = async () => {
    await task.run(() => client.call('notify.contact.set', { ...of, kind }))
    onChanged()
  }
  return (
    <li className="device">
      {kind === 'phone' ? <Phone aria-hidden="true" /> : <Mail aria-hidden="true" />}
      <div className="grow">
        <p className="device-name">{label}</p>
        {address ? <bdi>{address}</bdi> : <p className="soft">{t('contact.none')}</p>}
      </div>
      <div className="form-actions">
        <Button
          aria-label={t(address ? 'contact.change.of' : 'contact.add.of', { what: label })}
          onClick={() => setChanging(true)}
        >
          {t(address ? 'people.change' : 'contact.add')}
        </Button>
        {address && (
          <Button
            aria-label={t('contact.remove.of', { what: label })}
            busy={task.busy}
            onClick={() => void remove()}
          >
            {t('push.remove')}
          </Button>
        )}
      </div>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      {pending && of.user === undefined && (
        <Code key={pending} kind={kind} address={pending} onChanged={onChanged} />
      )}
      {changing && (
        <Change
          of={of}
          kind={kind}
          address={pending ?? address ?? ''}
          onClose={() => setChanging(false)}
          onDone={() => {
            setChanging(false)
            onChanged()
          }}
        />
      )}
    </li>
  )
}

/** Another address: a code goes to one's own. */
function Change(props: {
  of: Whose
  kind: Kind
  address: string
  onClose: () => void
  onDone: () => void
}) {
  const { of, kind, address, onClose, onDone } = props
  const t = useText()
  const client = useClient()
  const form = useForm(['address'], meantOfAddress)
  const [value, setValue] = useState(address)
  const submit = async () => {
    await client.call('notify.contact.set', { ...of, kind, address: value.trim() })
    onDone()
  }
  return (
    <FormDialog
      title={t(LABELS[kind])}
      action={t(of.user === undefined ? 'contact.send' : 'save')}
      task={form}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field
        label={t(LABELS[kind])}
        hint={t(HINTS[kind])}
        type={kind === 'phone' ? 'tel' : 'email'}
        autoComplete={kind === 'phone' ? 'tel' : 'email'}
        value={value}
        error={form.at('address')}
        data-autofocus
        onChange={event => setValue(event.target.value)}
      />
    </FormDialog>
  )
}

/** The code that was sent to the address, which proves that it is one's own. */
function Code(props: { kind: Kind; address: string; onChanged: () => void }) {
  const { kind, address, onChanged } = props
  const t = useText()
  const client = useClient()
  const form = useForm(['code'], meantOfCode)
  const [code, setCode] = useState('')
  const verify = async () => {
    await client.call('notify.contact.verify', { kind, code: code.replace(/\s/g, '') })
    toast('good', t('contact.verified'))
    onChanged()
  }
  return (
    <div className="contact-code">
      <Form task={form} onSubmit={verify}>
        <Field
          label={t('contact.code')}
          hint={t('contact.code.hint', { address })}
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={CODE_LEN + 1}
          value={code}
          error={form.at('code')}
          onChange={event => setCode(event.target.value)}
        />
        <div className="form-actions">
          <Button look="primary" type="submit" busy={form.busy}>
            {t('contact.verify')}
          </Button>
        </div>
      </Form>
    </div>
  )
}
