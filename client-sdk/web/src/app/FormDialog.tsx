import { type ReactNode, useId } from 'react'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Form, type FormTask } from './form.tsx'

/** A dialog that is filled in. */
export function FormDialog({
  title,
  action,
  other,
  task,
  below,
  onSubmit,
  onClose,
  children,
}: {
  title: string
  /** What the button does. */
  action: string
  /** Something else that can be done, as a button. */
  other?: ReactNode
  task: FormTask
  /** What is chosen without fields. */
  below?: ReactNode
  onSubmit: () => Promise<unknown>
  onClose: () => void
  /** The fields. */
  children: ReactNode
}) {
  const t = useText()
  const id = useId()
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          {other}
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look="primary" type="submit" form={id} busy={task.busy}>
            {action}
          </Button>
        </>
      }
    >
      <Form task={task} onSubmit={onSubmit} id={id}>
        {children}
      </Form>
      {below}
    </Dialog>
  )
}
