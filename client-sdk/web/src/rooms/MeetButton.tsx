import type { ConvId } from '@carillon/client'
import { Video } from 'lucide-react'
import { useLocation } from 'wouter'
import { useTask } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { toast } from '../ui/Toast.tsx'
import './meet-button.css'
import { useRooms } from './useRooms.ts'

/** Begins a meeting in a conversation, or goes to the one that is open there. */
export function MeetButton({ conv }: { conv: ConvId }) {
  const t = useText()
  const client = useClient()
  const { rooms } = useRooms(conv)
  const [, navigate] = useLocation()
  const { busy, run } = useTask()
  // Until it is known whether one is open, nobody begins another.
  if (!rooms) return null
  const present = rooms.open?.participants.filter(({ waiting }) => !waiting).length ?? 0
  const begin = async () => {
    try {
      const room = rooms.open?.room ?? (await client.call('room.create', { conv })).room
      navigate(`/meet/${room}`)
    } catch (error) {
      toast('danger', failure(t, error))
    }
  }
  const label = present > 0 ? t('rooms.join.count', { count: present }) : t('rooms.start')
  return (
    <IconButton
      label={rooms.open && present === 0 ? t('rooms.join.open') : label}
      className={rooms.open ? 'meet-button meet-button-open' : 'meet-button'}
      disabled={busy}
      icon={
        <>
          <Video aria-hidden="true" />
          {present > 0 && <span aria-hidden="true">{present}</span>}
        </>
      }
      onClick={() => void run(begin)}
    />
  )
}
