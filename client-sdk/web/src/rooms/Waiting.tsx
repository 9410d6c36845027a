import { Video as Camera, Hourglass, Mic, MicOff, VideoOff } from 'lucide-react'
import { Page } from '../app/Page.tsx'
import { useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import './before.css'
import { useDeeds } from './deeds.ts'
import { useMeeting, useTitleOf, useTrack, useView } from './hooks.ts'
import { Troubles } from './Troubles.tsx'
import { Video } from './Video.tsx'

/** Before the door: somebody inside opens it, and then the person is seen and heard at once. */
export function Waiting() {
  const t = useText()
  const meeting = useMeeting()
  const title = useTitleOf(useView(view => view.head))
  const deeds = useDeeds()
  const { on } = deeds
  return (
    <Page title={title} replaces>
      <div className="before-waiting">
        <div role="status">
          <Empty icon={<Hourglass aria-hidden="true" />} title={t('rooms.waiting')}>
            <p>{t('rooms.waiting.hint')}</p>
          </Empty>
        </div>
        <section className="before-look" aria-label={t('rooms.look')}>
          <Picture shows={on.camera} />
          <div className="before-switches">
            <Button
              icon={on.microphone ? <Mic /> : <MicOff />}
              className={on.microphone ? '' : 'switched-off'}
              onClick={deeds.microphone}
            >
              {on.microphone ? t('rooms.mute') : t('rooms.unmute')}
            </Button>
            <Button
              icon={on.camera ? <Camera /> : <VideoOff />}
              className={on.camera ? '' : 'switched-off'}
              onClick={deeds.camera}
            >
              {on.camera ? t('rooms.camera.stop') : t('rooms.camera.start')}
            </Button>
          </div>
        </section>
        <Troubles />
        <Button onClick={() => void meeting.leave()}>{t('rooms.waiting.leave')}</Button>
      </div>
    </Page>
  )
}

/** How the others will see the person. */
function Picture({ shows }: { shows: boolean }) {
  const t = useText()
  const me = useMe()
  const track = useTrack(useMeeting().room.me, 'camera')
  return (
    <div className="before-picture">
      {shows && track ? (
        <Video track={track} mirrored />
      ) : (
        <div className="before-empty">
          <Avatar id={me.user} name={me.name} size="l" />
          <p>{t('rooms.camera.off')}</p>
        </div>
      )}
      <p className="tile-name">
        <bdi>{me.name}</bdi>
      </p>
    </div>
  )
}
