import type { RoomParticipant, RoomParticipantId } from '@carillon/client'
import { Hand, MicOff, RefreshCw } from 'lucide-react'
import { memo, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { handOf, isOn, useMeeting, useName, usePresent, useTrack, useView } from './hooks.ts'
import './tile.css'
import { Video } from './Video.tsx'
import { type Rank, useView as useSeen } from './views.ts'

/** A person in the meeting: their face, or their letters. Of 49 only those change who are others. */
export const Tile = memo(function Tile({
  participant,
  rank = 'tile',
  column,
}: {
  participant: RoomParticipant
  rank?: Rank
  /** Where it begins in its row, if not after the one before. */
  column?: number | undefined
}) {
  const t = useText()
  const { room } = useMeeting()
  const { participant: id, user } = participant
  const own = id === room.me
  const isGuest = participant.role === 'guest'
  const name = useName(participant)
  const tile = useRef<HTMLLIElement>(null)
  const shows = isOn(participant, 'camera')
  useSeen(tile, shows && !own ? { participant: id, source: 'camera', rank } : undefined)
  const track = useTrack(id, 'camera')
  const speaks = useView(({ speaking }) => speaking.includes(id)) && isOn(participant, 'microphone')
  return (
    <li
      ref={tile}
      className="tile"
      style={{ gridColumnStart: column }}
      data-speaking={speaks || undefined}
      data-name={name}
    >
      {/* Until the first picture is there, one sees through to the letters. */}
      <Avatar id={user} name={name} />
      {shows && track && <Video track={track} mirrored={own} />}
      <p className="tile-name">
        {!isOn(participant, 'microphone') && (
          <>
            <MicOff aria-hidden="true" />
            <span className="visually-hidden">{t('rooms.is.muted')}</span>
          </>
        )}
        <bdi>{own ? t('chat.self', { name }) : isGuest ? t('guest.tile', { name }) : name}</bdi>
      </p>
      {participant.hand_at !== undefined && <RaisedHand participant={participant} />}
      <Reaction participant={participant} />
      {own ? <Restoring /> : shows && <StandsStill id={id} />}
    </li>
  )
})

/** A hand, with its place among all that are raised. */
function RaisedHand({ participant }: { participant: RoomParticipant }) {
  const t = useText()
  const place = handOf(participant, usePresent())
  return (
    <p className="tile-hand">
      <Hand aria-hidden="true" />
      <span className="visually-hidden">{t('rooms.hand.at', { place })}</span>
      <span aria-hidden="true">{place}</span>
    </p>
  )
}

/** The emoji that somebody shows now, over their picture. */
function Reaction({ participant: { participant } }: { participant: RoomParticipant }) {
  const emoji = useView(({ happenings }) => {
    const last = happenings.findLast(
      one => one.kind === 'reaction' && one.participant === participant,
    )
    return last?.kind === 'reaction' ? last.emoji : undefined
  })
  if (emoji === undefined) return null
  return (
    <span className="tile-reaction" aria-hidden="true">
      {emoji}
    </span>
  )
}

/** The person's own connection is being restored. */
function Restoring() {
  const t = useText()
  const restoring = useView(({ state }) => state.state === 'reconnecting')
  if (!restoring) return null
  return (
    <p className="tile-restoring">
      <RefreshCw aria-hidden="true" />
      <span>{t('rooms.restoring')}</span>
    </p>
  )
}

/** What is seen of somebody is old: their network is away, or one's own carries no more. */
function StandsStill({ id }: { id: RoomParticipantId }) {
  const t = useText()
  const isStill = useView(({ still, state }) => state.state === 'connected' && still.includes(id))
  if (!isStill) return null
  return (
    <p className="tile-restoring">
      <RefreshCw aria-hidden="true" />
      <span>{t('rooms.still')}</span>
    </p>
  )
}

/** Somebody's screen. */
export function SharedScreen({
  participant,
  rank = 'screen',
}: {
  participant: RoomParticipant
  rank?: Rank
}) {
  const t = useText()
  const name = useName(participant)
  const { participant: id } = participant
  const screen = useRef<HTMLElement>(null)
  useSeen(screen, { participant: id, source: 'screen', rank })
  const track = useTrack(id, 'screen')
  return (
    <figure ref={screen} className="screen" data-name={name}>
      {track && <Video track={track} whole />}
      <figcaption className="tile-name">{t('rooms.shares', { name })}</figcaption>
    </figure>
  )
}

/** A screen that is shared as well: pressed, it has the stage. */
export function OtherScreen({
  participant,
  onChoose,
}: {
  participant: RoomParticipant
  onChoose: () => void
}) {
  const t = useText()
  const name = useName(participant)
  return (
    <li className="tile tile-screen">
      <SharedScreen participant={participant} rank="tile" />
      <button type="button" aria-label={t('rooms.share.look', { name })} onClick={onChoose} />
    </li>
  )
}
