import { useState } from 'react'
import { FormDialog } from '../app/FormDialog.tsx'
import { useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { useText } from '../texts/language.tsx'
import { TitleField, titleOf } from './TitleField.tsx'

/** Gives a group another name. */
export function Rename({ conv, onClose }: { conv: Conversation; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const task = useForm(['title'])
  const [title, setTitle] = useState(conv.title)
  const rename = async () => {
    await client.call('conv.update', { conv: conv.id, title: titleOf(title) })
    onClose()
  }
  return (
    <FormDialog
      title={t('chat.rename')}
      action={t('save')}
      task={task}
      onSubmit={rename}
      onClose={onClose}
    >
      <TitleField task={task} value={title} onChange={setTitle} />
    </FormDialog>
  )
}
