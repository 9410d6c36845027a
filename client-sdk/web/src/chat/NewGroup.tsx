import { type ConvId, LIMITS } from '@carillon/client'
import { useId, useState } from 'react'
import { Form, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Field } from '../ui/Field.tsx'
import './panel.css'
import { Chips, PeoplePicker } from './PeoplePicker.tsx'
import { usePicked } from './usePicked.ts'

/** Makes a group: its title, and who is in it. */
export default function NewGroup({
  onOpened,
  onClose,
}: {
  onOpened: (conv: ConvId) => void
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const form = useId()
  const task = useForm(['title'])
  const [title, setTitle] = useState('')
  const { picked, drop, toggle, full } = usePicked()
  const make = async () => {
    if (title.trim() === '') throw new Refused('title', 'chat.title.missing')
    const members = picked.map(({ user }) => user)
    onOpened((await client.call('conv.create', { title: title.trim(), members })).conv)
  }
  return (
    <Dialog
      title={t('chat.new.group')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look="primary" type="submit" form={form} busy={task.busy}>
            {t('chat.group.make')}
          </Button>
        </>
      }
    >
      <Form id={form} task={task} onSubmit={make}>
        <Field
          data-autofocus
          label={t('chat.title')}
          hint={t('chat.title.hint')}
          error={task.at('title')}
          maxLength={LIMITS.NAME_LEN_MAX}
          value={title}
          onChange={event => setTitle(event.target.value)}
        />
      </Form>
      <Chips people={picked} onDrop={drop} />
      {full && <p role="status">{t('chat.people.full', { count: LIMITS.USERS_PER_CALL_MAX })}</p>}
      <PeoplePicker first={false} picked={picked} onPick={toggle} />
    </Dialog>
  )
}
