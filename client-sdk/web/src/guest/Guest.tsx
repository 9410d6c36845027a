import { CarillonError, type Reply } from '@carillon/client'
import { CircleCheck, LinkIcon, Unlink } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { useStore } from 'zustand'
import { ConnectionBanner } from '../app/ConnectionBanner.tsx'
import { Failed } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { ask } from '../app/session.ts'
import { Attendance } from '../rooms/Attendance.tsx'
import { type Directory, InDirectory, InMeeting } from '../rooms/hooks.ts'
import { Inside } from '../rooms/Inside.tsx'
import '../rooms/meet.css'
import type { Meeting } from '../rooms/meeting.ts'
import { Waiting } from '../rooms/Waiting.tsx'
import { Door, DoorHead } from '../signin/Door.tsx'
import { useToken } from '../signin/fragment.ts'
import { useText } from '../texts/language.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { Gone } from './Gone.tsx'
import './guest.css'
import { Knock } from './Knock.tsx'
import { Names } from './names.ts'
import { isOver } from './refusals.ts'
import { secretOf, type Visit } from './visit.ts'

type Invitation = Reply<'room.look'>

/** What a link into a meeting opens, for people without an account. */
export default function Guest() {
  const inAddress = useToken()
  const secret = useMemo(() => secretOf(inAddress), [inAddress])
  return secret === '' ? <Incomplete /> : <Invited key={secret} secret={secret} />
}

function Incomplete() {
  const t = useText()
  return (
    <Door title={t('guest.incomplete')}>
      <Empty icon={<LinkIcon aria-hidden="true" />} title={t('guest.incomplete.hint')} />
    </Door>
  )
}

function Invited({ secret }: { secret: string }) {
  const t = useText()
  const look = useLoad(() => ask('room.look', { secret }), secret)
  if (look.state === 'there') return <Visiting secret={secret} invitation={look.value} />
  if (look.state === 'failed' && isDead(look.error)) return <Dead error={look.error} />
  return (
    <Door title={t('rooms.meeting')}>
      {look.state === 'failed' ? <Failed error={look.error} again={look.again} /> : <Skeleton />}
    </Door>
  )
}

function isDead(error: unknown): boolean {
  const codes = ['E_NOT_FOUND', 'E_CONFLICT', 'E_BAD_ARG']
  return error instanceof CarillonError && codes.includes(error.code)
}

/** The link opens nothing, or not any more. */
function Dead({ error }: { error: unknown }) {
  const t = useText()
  if (isOver(error)) {
    return (
      <Door title={t('rooms.meeting')}>
        <Empty icon={<CircleCheck aria-hidden="true" />} title={t('rooms.over.ended')}>
          <p>{t('guest.done')}</p>
        </Empty>
      </Door>
    )
  }
  const wasGood = error instanceof CarillonError && error.code === 'E_CONFLICT'
  return (
    <Door title={t('guest.dead')}>
      <Empty
        icon={<Unlink aria-hidden="true" />}
        title={wasGood ? t('guest.dead.over') : t('guest.dead.unknown')}
      >
        <p>{t('guest.dead.hint')}</p>
      </Empty>
    </Door>
  )
}

/** A guest knows nobody of the organisation, and reads no conversation. */
function directoryOf(visit: Visit | undefined, title: string | undefined): Directory {
  const names = visit && new Names(visit.client, visit.grant.room)
  return {
    usePersonName: names?.useName ?? (() => undefined),
    useConversation: () => undefined,
    useTitle: () => title,
  }
}

/** A guest before the door, in the meeting, and after it. */
function Visiting({ secret, invitation }: { secret: string; invitation: Invitation }) {
  const { title } = invitation
  const [visit, setVisit] = useState<Visit & { meeting: Meeting }>()
  const directory = useMemo(() => directoryOf(visit, title), [visit, title])
  const client = visit?.client
  useEffect(() => () => void client?.close(), [client])
  return (
    <InDirectory value={directory}>
      {visit ? (
        <InMeeting value={visit.meeting}>
          <Entered visit={visit} org={invitation.org} again={() => setVisit(undefined)} />
        </InMeeting>
      ) : (
        <Knock secret={secret} invitation={invitation} onEntered={setVisit} />
      )}
    </InDirectory>
  )
}

function Entered({
  visit,
  org,
  again,
}: {
  visit: Visit & { meeting: Meeting }
  org: string
  again: () => void
}) {
  const t = useText()
  const { meeting, client } = visit
  const state = useStore(meeting.view, view => view.state)
  if (state.state === 'left') return <Gone left={state} org={org} again={again} />
  const isWaiting = state.state === 'waiting'
  return (
    <div className="guest">
      <Attendance meeting={meeting} isSeen />
      <ConnectionBanner client={client} words={t('guest.offline')} />
      {isWaiting && <DoorHead org={org} />}
      <main className={isWaiting ? 'guest-waiting' : 'guest-meeting'}>
        {isWaiting ? <Waiting /> : <Inside />}
      </main>
    </div>
  )
}
