import type { ConvId, OrgMember } from '@carillon/client'
import { useTask } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Banner } from '../ui/Notice.tsx'
import './panel.css'
import { PeoplePicker } from './PeoplePicker.tsx'

/** Chooses somebody to talk to. */
export default function NewChat({
  onOpened,
  onClose,
}: {
  onOpened: (conv: ConvId) => void
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const open = ({ user }: OrgMember) =>
    void task.run(async () => onOpened((await client.call('conv.open', { user })).conv))
  return (
    <Dialog title={t('chat.new')} onClose={onClose}>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <PeoplePicker oneself onPick={open} />
    </Dialog>
  )
}
