import type { RoomParticipant } from '@carillon/client'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { useKnocking, useMeeting, useName } from './hooks.ts'

/** Somebody stands before the door, and this person may open it. */
export function Knocking() {
  const t = useText()
  const meeting = useMeeting()
  const waiting = useKnocking()
  const [first, ...others] = waiting
  if (!first) return null
  const { room } = meeting
  const admit = (whom: readonly { participant: string }[]) =>
    meeting.try(() => Promise.all(whom.map(one => room.admit(one.participant, true))))
  const deny = () => meeting.try(() => room.admit(first.participant, false))
  return (
    <Banner
      tone="attention"
      action={
        <div className="row">
          {others.length === 0 && <Button onClick={() => void deny()}>{t('rooms.deny')}</Button>}
          <Button look="primary" onClick={() => void admit(waiting)}>
            {others.length === 0 ? t('rooms.admit') : t('rooms.admit.all')}
          </Button>
        </div>
      }
    >
      {others.length === 0 ? (
        <Knocker participant={first} />
      ) : (
        t('rooms.knocking.many', { count: waiting.length })
      )}
    </Banner>
  )
}

function Knocker({ participant }: { participant: RoomParticipant }) {
  const t = useText()
  const name = useName(participant)
  return t(participant.role === 'guest' ? 'guest.knocking' : 'rooms.knocking', { name })
}
