import type { ReactNode } from 'react'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Banner } from '../ui/Notice.tsx'
import { useTask } from './form.tsx'

/** A question before something that is not easily taken back. */
export function Confirm({
  title,
  children,
  action,
  look = 'danger',
  onConfirm,
  onClose,
}: {
  title: string
  /** What will happen, in words. */
  children: ReactNode
  /** What the button does. */
  action: string
  look?: 'danger' | 'primary'
  onConfirm: () => Promise<unknown>
  onClose: () => void
}) {
  const t = useText()
  const task = useTask()
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button
            look={look}
            busy={task.busy}
            onClick={async () => {
              if (await task.run(onConfirm)) onClose()
            }}
          >
            {action}
          </Button>
        </>
      }
    >
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      {children}
    </Dialog>
  )
}
