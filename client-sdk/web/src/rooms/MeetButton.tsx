import type { ConvId } from '@carillon/client'
import { Video } from 'lucide-react'
import { useLocation } from 'wouter'
import { useTask } from '../app/form.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
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
  const label = rooms.open ? t('rooms.join.open') : t('rooms.start')
  return (
    <Button
      look={rooms.open ? 'primary' : 'plain'}
      className="meet-button"
      busy={busy}
      icon={<Video aria-hidden="true" />}
      onClick={() => void run(begin)}
    >
      {present > 0 ? t('rooms.join.count', { count: present }) : label}
    </Button>
  )
}
