import { LIMITS, type UserId } from '@carillon/client'
import { useTask } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Banner } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import { Chips, PeoplePicker } from './PeoplePicker.tsx'
import { usePicked } from './usePicked.ts'

/** Adds people to a group. */
export function AddMembers({
  conv,
  members,
  onClose,
}: {
  conv: Conversation
  members: ReadonlySet<UserId>
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const { picked, drop, toggle, full } = usePicked()
  const add = async () => {
    const users = picked.map(({ user }) => user)
    await client.call('conv.member.add', { conv: conv.id, users })
    toast('good', t('chat.member.added', { count: users.length }))
    onClose()
  }
  return (
    <Dialog
      title={t('chat.member.add')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button
            look="primary"
            busy={task.busy}
            disabled={picked.length === 0}
            onClick={() => void task.run(add)}
          >
            {t('chat.member.add')}
          </Button>
        </>
      }
    >
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <Chips people={picked} onDrop={drop} />
      {full && <p role="status">{t('chat.people.full', { count: LIMITS.USERS_PER_CALL_MAX })}</p>}
      <PeoplePicker picked={picked} already={members} onPick={toggle} />
    </Dialog>
  )
}
