import { PhoneOff, Video } from 'lucide-react'
import { Link, useRoute } from 'wouter'
import { useStore } from 'zustand'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import './around.css'
import { useTitleOf } from './hooks.ts'
import type { Meeting } from './meeting.ts'
import { useNow } from './now.ts'
import { Sounds } from './Sounds.tsx'

/** What stays of a meeting on every page: its sound, and the way back. */
export default function Around({ meeting }: { meeting: Meeting }) {
  const [isThere] = useRoute(`/meet/${meeting.id}`)
  const { state, head } = useStore(meeting.view)
  if (state.state === 'left') return null
  return (
    <>
      <Sounds meeting={meeting} />
      {!isThere && <Return meeting={meeting} head={head} />}
    </>
  )
}

function Return({ meeting, head }: { meeting: Meeting; head: Parameters<typeof useTitleOf>[0] }) {
  const t = useText()
  const title = useTitleOf(head)
  const leave = async () => {
    await meeting.leave()
    useNow.setState({ meeting: undefined })
  }
  return (
    <section className="around" aria-label={t('rooms.meeting')}>
      <p className="around-words">{t('rooms.in', { title })}</p>
      <Link to={`/meet/${meeting.id}`} className="button button-primary">
        <Video aria-hidden="true" />
        <span>{t('rooms.return')}</span>
      </Link>
      <IconButton label={t('rooms.leave')} icon={<PhoneOff />} onClick={() => void leave()} />
    </section>
  )
}
