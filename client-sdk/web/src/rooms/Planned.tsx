import type { ConvId, RoomHead } from '@carillon/client'
import { CalendarPlus, CalendarX, Link2 } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { Link } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { useWhen } from '../app/when.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { useTitleOf } from './hooks.ts'
import './meet-button.css'
import { useRooms } from './useRooms.ts'

const MeetLater = lazy(() => import('./MeetLater.tsx'))
const InviteDialog = lazy(() => import('./InviteDialog.tsx'))

/** The planned meetings of a conversation, and the way to plan one. */
export function Planned({
  conv,
  busy,
  onBusy,
}: {
  conv: ConvId
  /** Whether a dialog is open above the panel. */
  busy: boolean
  onBusy: (busy: boolean) => void
}) {
  const t = useText()
  const client = useClient()
  const { rooms, again } = useRooms(conv)
  const [off, setOff] = useState<RoomHead>()
  const [invited, setInvited] = useState<RoomHead>()
  if (!rooms) return null
  const shut = () => {
    setOff(undefined)
    setInvited(undefined)
    onBusy(false)
  }
  const cancel = async (room: string) => {
    await client.call('room.end', { room })
    again()
  }
  return (
    <section className="planned" aria-label={t('rooms.planned')}>
      <Button icon={<CalendarPlus />} onClick={() => onBusy(true)}>
        {t('rooms.later')}
      </Button>
      {rooms.planned.length > 0 && (
        <ul aria-label={t('rooms.planned')}>
          {rooms.planned.map(head => (
            <PlannedRow
              key={head.room}
              head={head}
              onOff={() => {
                setOff(head)
                onBusy(true)
              }}
              onInvite={() => {
                setInvited(head)
                onBusy(true)
              }}
            />
          ))}
        </ul>
      )}
      {busy && !off && !invited && (
        <Suspense>
          <MeetLater conv={conv} onDone={again} onClose={shut} />
        </Suspense>
      )}
      {invited && (
        <Suspense>
          <InviteDialog client={client} room={invited.room} onClose={shut} />
        </Suspense>
      )}
      {off && (
        <Confirm
          title={t('rooms.planned.cancel')}
          action={t('rooms.planned.cancel')}
          onConfirm={() => cancel(off.room)}
          onClose={shut}
        >
          <p>{t('rooms.planned.cancel.ask')}</p>
        </Confirm>
      )}
    </section>
  )
}

function PlannedRow({
  head,
  onOff,
  onInvite,
}: {
  head: RoomHead
  onOff: () => void
  onInvite: () => void
}) {
  const t = useText()
  const when = useWhen()
  const me = useMe().user
  const title = useTitleOf(head)
  return (
    <li className="planned-row">
      <Link to={`/meet/${head.room}`} className="planned-words">
        <bdi>{title}</bdi>
        {head.starts_at !== undefined && (
          <span className="soft">{when.moment(head.starts_at)}</span>
        )}
      </Link>
      {head.by === me && (
        <>
          <IconButton label={t('guest.link')} icon={<Link2 />} onClick={onInvite} />
          <IconButton label={t('rooms.planned.cancel')} icon={<CalendarX />} onClick={onOff} />
        </>
      )}
    </li>
  )
}
