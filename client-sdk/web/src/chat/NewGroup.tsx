import { type ConvId, LIMITS } from '@carillon/client'
import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import './panel.css'
import { Chips, PeoplePicker } from './PeoplePicker.tsx'
import { TitleField, titleOf } from './TitleField.tsx'
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
  const task = useForm(['title'])
  const [title, setTitle] = useState('')
  const { picked, drop, toggle, full } = usePicked()
  const make = async () => {
    const members = picked.map(({ user }) => user)
    onOpened((await client.call('conv.create', { title: titleOf(title), members })).conv)
  }
  const people = (
    <>
      <Chips people={picked} onDrop={drop} />
      {full && <p role="status">{t('chat.people.full', { count: LIMITS.USERS_PER_CALL_MAX })}</p>}
      <PeoplePicker first={false} picked={picked} onPick={toggle} />
    </>
  )
  return (
    <FormDialog
      title={t('chat.new.group')}
      action={t('chat.group.make')}
      task={task}
      below={people}
      onSubmit={make}
      onClose={onClose}
    >
      <TitleField task={task} value={title} onChange={setTitle} />
    </FormDialog>
  )
}
