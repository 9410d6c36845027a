import type { RoomParticipant } from '@carillon/client'
import { useText } from '../texts/language.tsx'
import type { Happening } from './happenings.ts'
import { useMeeting, useName, useView } from './hooks.ts'

/** Says what has just happened: for the ear all of it, for the eye what is not seen elsewhere. */
export function Announcer() {
  const happenings = useView(view => view.happenings)
  return (
    <div className="happenings" role="status" aria-live="polite">
      {happenings.map(happening => (
        <Line key={keyOf(happening)} happening={happening} />
      ))}
    </div>
  )
}

/** Objects have no name of their own. */
const KEYS = new WeakMap<Happening, number>()
let last = 0

function keyOf(happening: Happening): number {
  const known = KEYS.get(happening)
  if (known !== undefined) return known
  last += 1
  KEYS.set(happening, last)
  return last
}

function Line({ happening }: { happening: Happening }) {
  const t = useText()
  const { me } = useMeeting().room
  const participants = useView(view => view.participants)
  if (happening.kind === 'muted') {
    const words = {
      microphone: t('rooms.muted.microphone'),
      camera: t('rooms.muted.camera'),
      screen: t('rooms.muted.screen'),
      screen_audio: t('rooms.muted.screen'),
    }[happening.source]
    return <p className="happening">{words}</p>
  }
  if (happening.kind === 'reaction') {
    const who = participants.find(({ participant }) => participant === happening.participant)
    return who ? <Reacts participant={who} emoji={happening.emoji} /> : null
  }
  const { participant, kind } = happening
  if (participant.participant === me || participant.waiting) return null
  return <Comes participant={participant} comes={kind === 'joined'} />
}

function Reacts({ participant, emoji }: { participant: RoomParticipant; emoji: string }) {
  const t = useText()
  const name = useName(participant)
  return <p className="visually-hidden">{t('rooms.reacts', { name, emoji })}</p>
}

function Comes({ participant, comes }: { participant: RoomParticipant; comes: boolean }) {
  const t = useText()
  const name = useName(participant)
  return (
    <p className="happening">{comes ? t('rooms.came', { name }) : t('rooms.went', { name })}</p>
  )
}
