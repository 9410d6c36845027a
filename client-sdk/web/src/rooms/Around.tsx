import { Mic, MicOff, PhoneOff, Video, VideoOff } from 'lucide-react'
import { Link, useRoute } from 'wouter'
import { useStore } from 'zustand'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Attendance } from './Attendance.tsx'
import './around.css'
import { useDeeds } from './deeds.ts'
import { InMeeting, useMeeting, useTitleOf, useView } from './hooks.ts'
import { Knocking } from './Knocking.tsx'
import type { Meeting } from './meeting.ts'
import { useNow } from './now.ts'
import { Troubles } from './Troubles.tsx'

/** What stays of a meeting on every page: its sound, what one sends, and the way back. */
export default function Around({ meeting }: { meeting: Meeting }) {
  const [isThere] = useRoute(`/meet/${meeting.id}`)
  const hasLeft = useStore(meeting.view, ({ state }) => state.state === 'left')
  if (hasLeft) return null
  return (
    <InMeeting value={meeting}>
      <Attendance meeting={meeting} isSeen={isThere} />
      {!isThere && <Return />}
    </InMeeting>
  )
}

function Return() {
  const t = useText()
  const meeting = useMeeting()
  const deeds = useDeeds()
  const { on } = deeds
  const title = useTitleOf(useView(view => view.head))
  const waits = useView(({ state }) => state.state === 'waiting')
  const leave = async () => {
    await meeting.leave()
    useNow.setState({ meeting: undefined })
  }
  return (
    <section aria-label={t('rooms.meeting')}>
      <div className="around">
        <p className="around-words">{t(waits ? 'rooms.in.waiting' : 'rooms.in', { title })}</p>
        <IconButton
          label={on.microphone ? t('rooms.mute') : t('rooms.unmute')}
          icon={on.microphone ? <Mic /> : <MicOff />}
          className={on.microphone ? '' : 'around-off'}
          onClick={deeds.microphone}
        />
        <IconButton
          label={on.camera ? t('rooms.camera.stop') : t('rooms.camera.start')}
          icon={on.camera ? <Video /> : <VideoOff />}
          className={on.camera ? '' : 'around-off'}
          onClick={deeds.camera}
        />
        <Link to={`/meet/${meeting.id}`} className="button button-primary">
          <span>{t('rooms.return')}</span>
        </Link>
        <IconButton label={t('rooms.leave')} icon={<PhoneOff />} onClick={() => void leave()} />
      </div>
      <Knocking />
      <Troubles />
    </section>
  )
}
