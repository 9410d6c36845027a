import { Video as Camera, Hourglass, Mic, MicOff, VideoOff } from 'lucide-react'
import { Page } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import './before.css'
import { useDeeds } from './deeds.ts'
import { useMeeting, useName, useSelf, useTitleOf, useTrack, useView } from './hooks.ts'
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
  const { me } = useMeeting().room
  const self = useSelf()
  const name = useName(self ?? {})
  const track = useTrack(me, 'camera')
  return (
    <div className="before-picture">
      {shows && track ? (
        <Video track={track} mirrored />
      ) : (
        <div className="before-empty">
          <Avatar id={self?.user ?? me} name={name} size="l" />
          <p>{t('rooms.camera.off')}</p>
        </div>
      )}
      <p className="tile-name">
        <bdi>{name}</bdi>
      </p>
    </div>
  )
}
