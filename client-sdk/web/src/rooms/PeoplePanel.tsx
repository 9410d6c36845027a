import type { RoomId, RoomParticipant } from '@carillon/client'
import {
  EllipsisVertical,
  Hand,
  Link2,
  Mic,
  MicOff,
  ScreenShareOff,
  Shield,
  ShieldOff,
  UserX,
  Video,
  VideoOff,
} from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useClient } from '../app/workspace.ts'
import { Panel } from '../chat/Panel.tsx'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import { handOf, isOn, moderates, useMeeting, useName, useSelf, useView } from './hooks.ts'
import InviteDialog from './InviteDialog.tsx'
import { RulesForm } from './RulesForm.tsx'

/** Who is in the meeting and who waits, and what may be done about that. */
export function PeoplePanel({ onClose }: { onClose: () => void }) {
  const t = useText()
  const meeting = useMeeting()
  const participants = useView(view => view.participants)
  const may = moderates(useSelf())
  const [kicked, setKicked] = useState<RoomParticipant>()
  const [invites, setInvites] = useState(false)
  const waiting = participants.filter(one => one.waiting)
  const present = participants.filter(one => !one.waiting)
  const muteAll = () => meeting.try(() => meeting.room.muteOther(undefined, 'microphone'))
  return (
    <Panel
      title={t('rooms.people.count', { count: present.length })}
      busy={kicked !== undefined || invites}
      onClose={onClose}
    >
      {may && waiting.length > 0 && (
        <section className="form">
          <h3>{t('rooms.people.waiting', { count: waiting.length })}</h3>
          <ul className="talk-people">
            {waiting.map(one => (
              <WaitingRow key={one.participant} participant={one} />
            ))}
          </ul>
        </section>
      )}
      {may && (
        <Button icon={<Link2 />} onClick={() => setInvites(true)}>
          {t('guest.link')}
        </Button>
      )}
      {may && present.length > 1 && (
        <Button icon={<MicOff />} onClick={() => void muteAll()}>
          {t('rooms.mute.all')}
        </Button>
      )}
      <ul className="talk-people" aria-label={t('rooms.people')}>
        {present.map(one => (
          <PersonRow
            key={one.participant}
            participant={one}
            hand={handOf(one, present)}
            onKick={() => setKicked(one)}
          />
        ))}
      </ul>
      {may && <RulesForm />}
      {invites && <Invite room={meeting.id} onClose={() => setInvites(false)} />}
      {kicked && <Kick participant={kicked} onClose={() => setKicked(undefined)} />}
    </Panel>
  )
}

/** Only members moderate, who have a connection of their own. */
function Invite({ room, onClose }: { room: RoomId; onClose: () => void }) {
  return <InviteDialog client={useClient()} room={room} onClose={onClose} />
}

function WaitingRow({ participant }: { participant: RoomParticipant }) {
  const t = useText()
  const meeting = useMeeting()
  const name = useName(participant)
  const admit = (yes: boolean) =>
    void meeting.try(() => meeting.room.admit(participant.participant, yes))
  return (
    <li className="talk-person person-waiting">
      <Avatar id={participant.user} name={name} />
      <span className="talk-person-words">
        <bdi className="talk-person-name">{name}</bdi>
        {participant.role === 'guest' && <span className="soft">{t('rooms.role.guest')}</span>}
      </span>
      <span className="row">
        <Button onClick={() => admit(false)}>{t('rooms.deny')}</Button>
        <Button look="primary" onClick={() => admit(true)}>
          {t('rooms.admit')}
        </Button>
      </span>
    </li>
  )
}

function PersonRow({
  participant,
  hand,
  onKick,
}: {
  participant: RoomParticipant
  hand: number
  onKick: () => void
}) {
  const t = useText()
  const { room } = useMeeting()
  const name = useName(participant)
  const items = useItems(participant, onKick)
  const own = participant.participant === room.me
  const role = {
    host: t('rooms.role.host'),
    moderator: t('rooms.role.moderator'),
    member: undefined,
    guest: t('rooms.role.guest'),
  }[participant.role]
  const talks = isOn(participant, 'microphone')
  const shows = isOn(participant, 'camera')
  return (
    <li className="talk-person">
      <Avatar id={participant.user} name={name} />
      <span className="talk-person-words">
        <bdi className="talk-person-name">{own ? t('chat.self', { name }) : name}</bdi>
        {role && <span className="soft">{role}</span>}
      </span>
      <span className="person-marks">
        {hand > 0 && (
          <span className="person-hand">
            <Hand aria-hidden="true" />
            <span className="visually-hidden">{t('rooms.hand.at', { place: hand })}</span>
            <span aria-hidden="true">{hand}</span>
          </span>
        )}
        {talks ? <Mic aria-hidden="true" /> : <MicOff aria-hidden="true" />}
        <span className="visually-hidden">{talks ? t('rooms.is.on') : t('rooms.is.muted')}</span>
        {shows ? <Video aria-hidden="true" /> : <VideoOff aria-hidden="true" />}
        <span className="visually-hidden">
          {shows ? t('rooms.is.seen') : t('rooms.camera.off')}
        </span>
      </span>
      {items.length > 0 && (
        <Menu label={t('rooms.do', { name })} icon={<EllipsisVertical />} items={items} />
      )}
    </li>
  )
}

/** What the person may do about somebody. */
function useItems(participant: RoomParticipant, onKick: () => void): MenuItem[] {
  const t = useText()
  const meeting = useMeeting()
  const self = useSelf()
  const { room } = meeting
  const { participant: id, role } = participant
  if (!self || id === self.participant || !moderates(self) || role === 'host') return []
  const item = (label: string, icon: React.ReactNode, deed: () => Promise<void>): MenuItem => ({
    label,
    icon,
    onSelect: () => void meeting.try(deed),
  })
  const items: MenuItem[] = []
  if (isOn(participant, 'microphone')) {
    items.push(item(t('rooms.mute'), <MicOff />, () => room.muteOther(id, 'microphone')))
  }
  if (isOn(participant, 'camera')) {
    items.push(item(t('rooms.camera.stop'), <VideoOff />, () => room.muteOther(id, 'camera')))
  }
  if (isOn(participant, 'screen')) {
    items.push(item(t('rooms.share.stop'), <ScreenShareOff />, () => room.muteOther(id, 'screen')))
  }
  if (participant.hand_at !== undefined) {
    items.push(item(t('rooms.hand.lower'), <Hand />, () => room.raiseHand(false, id)))
  }
  if (self.role === 'host' && role !== 'guest') {
    const next = role === 'moderator' ? 'member' : 'moderator'
    const label = role === 'moderator' ? t('rooms.role.take') : t('rooms.role.give')
    const icon = role === 'moderator' ? <ShieldOff /> : <Shield />
    items.push(item(label, icon, () => room.setRole(id, next)))
  }
  items.push({ label: t('rooms.kick'), icon: <UserX />, danger: true, onSelect: onKick })
  return items
}

function Kick({ participant, onClose }: { participant: RoomParticipant; onClose: () => void }) {
  const t = useText()
  const { room } = useMeeting()
  const name = useName(participant)
  return (
    <Confirm
      title={t('rooms.kick')}
      action={t('rooms.kick')}
      onConfirm={() => room.kick(participant.participant)}
      onClose={onClose}
    >
      <p>{t('rooms.kick.ask', { name })}</p>
    </Confirm>
  )
}
