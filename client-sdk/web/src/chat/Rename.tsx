import { LIMITS } from '@carillon/client'
import { useId, useState } from 'react'
import { Form, useForm } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Field } from '../ui/Field.tsx'

/** Gives a group another name. */
export function Rename({ conv, onClose }: { conv: Conversation; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const form = useId()
  const task = useForm(['title'])
  const [title, setTitle] = useState(conv.title)
  const rename = async () => {
    if (title.trim() === '') throw new Refused('title', 'chat.title.missing')
    await client.call('conv.update', { conv: conv.id, title: title.trim() })
    onClose()
  }
  return (
    <Dialog
      title={t('chat.rename')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look="primary" type="submit" form={form} busy={task.busy}>
            {t('save')}
          </Button>
        </>
      }
    >
      <Form id={form} task={task} onSubmit={rename}>
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
    </Dialog>
  )
}
