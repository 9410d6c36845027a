import { CarillonError, type Room, type RoomId } from '@carillon/client'
import { Video as Camera } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Link, useParams } from 'wouter'
import { useStore } from 'zustand'
import { Failed } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { Before } from './Before.tsx'
import { InMeeting, useTitleOf } from './hooks.ts'
import { Inside } from './Inside.tsx'
import type { Meeting } from './meeting.ts'
import './meet.css'
import { useNow } from './now.ts'
import { Waiting } from './Waiting.tsx'

/** A meeting at its address: before it, in it, and after it. */
export default function Meet() {
  const { room = '' } = useParams<{ room: string }>()
  const meeting = useNow(now => now.meeting)
  const [turn, setTurn] = useState(0)
  useEffect(() => () => dismiss(room), [room])
  if (meeting?.id !== room) return <Outside key={`${room} ${turn}`} id={room} />
  const again = () => {
    useNow.setState({ meeting: undefined })
    setTurn(turn + 1)
  }
  return (
    <InMeeting value={meeting}>
      <Entered meeting={meeting} again={again} />
    </InMeeting>
  )
}

/** Forgets a meeting that is over: whoever comes again wants to go in. */
function dismiss(room: RoomId): void {
  const { meeting } = useNow.getState()
  if (meeting?.id !== room || meeting.view.getState().state.state !== 'left') return
  useNow.setState({ meeting: undefined })
}

function Entered({ meeting, again }: { meeting: Meeting; again: () => void }) {
  const state = useStore(meeting.view, view => view.state)
  if (state.state === 'left') return <Over meeting={meeting} again={again} />
  return state.state === 'waiting' ? <Waiting /> : <Inside />
}

/** Whether there is no such room for this person; an address may be anything. */
function isNowhere(error: unknown): boolean {
  const code = error instanceof CarillonError ? error.code : undefined
  return code === 'E_NOT_FOUND' || code === 'E_NOT_MEMBER' || code === 'E_BAD_ARG'
}

function Outside({ id }: { id: RoomId }) {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('room.get', { room: id }), id)
  if (loaded.state === 'loading') return <Skeleton lines={6} />
  if (loaded.state === 'there') return <There room={loaded.value} />
  if (!isNowhere(loaded.error)) return <Failed error={loaded.error} again={loaded.again} />
  return (
    <Page title={t('rooms.missing')}>
      <p>{t('rooms.missing.hint')}</p>
      <p>
        <Link to="/">{t('chat.home')}</Link>
      </p>
    </Page>
  )
}

function There({ room }: { room: Room }) {
  const t = useText()
  const title = useTitleOf(room)
  if (room.phase !== 'ended') return <Before room={room} />
  return (
    <Page title={title} back={`/c/${room.conv}`}>
      <Empty icon={<Camera aria-hidden="true" />} title={t('rooms.over.ended')}>
        <Link to={`/c/${room.conv}`}>{t('rooms.conversation')}</Link>
      </Empty>
    </Page>
  )
}

/** The person is out of the meeting: why, and what they can do. */
function Over({ meeting, again }: { meeting: Meeting; again: () => void }) {
  const t = useText()
  const { state, head } = useStore(meeting.view)
  const title = useTitleOf(head)
  const reason = state.state === 'left' ? state.reason : 'left'
  const words = {
    left: t('rooms.over.left'),
    kicked: t('rooms.over.kicked'),
    lost: t('rooms.over.lost'),
    ended: t('rooms.over.ended'),
    refused: t('rooms.over.refused'),
    denied: t('rooms.over.denied'),
  }[reason]
  const returns = reason !== 'kicked' && reason !== 'ended'
  return (
    <Page title={title} back={`/c/${head.conv}`} replaces>
      <Empty icon={<Camera aria-hidden="true" />} title={words}>
        {returns && (
          <Button look="primary" onClick={again}>
            {t('rooms.join.again')}
          </Button>
        )}
        <Link to={`/c/${head.conv}`}>{t('rooms.conversation')}</Link>
      </Empty>
    </Page>
  )
}
