import type { Room } from '@carillon/client'
import { Video as Camera, Mic, MicOff, VideoOff } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { useTask } from '../app/form.tsx'
import { Page } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { useScreen } from '../model/hooks.ts'
import { failure } from '../texts/failure.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Spinner } from '../ui/Spinner.tsx'
import './before.css'
import { DeviceFields } from './DeviceFields.tsx'
import type { Trouble } from './devices.ts'
import { useName, useTitleOf } from './hooks.ts'
import { Meter } from './Meter.tsx'
import { Meeting } from './meeting.ts'
import { NetworkCheck } from './NetworkCheck.tsx'
import { useNow } from './now.ts'
import { type Place, placeIn } from './place.ts'
import { meantEntering } from './refusals.ts'
import { type Device, useDevice } from './useDevice.ts'
import { Video } from './Video.tsx'

/** What is tried before one goes in: how one looks and sounds, and whether the others are heard. */
export function Before({ room }: { room: Room }) {
  const t = useText()
  const title = useTitleOf(room)
  // Whoever loads the page again comes back as they were, without being asked.
  const [kept] = useState(() => placeIn(room.room))
  const [microphone, setMicrophone] = useState(kept?.microphone ?? true)
  const [camera, setCamera] = useState(kept?.camera ?? true)
  const mic = useDevice('microphone', microphone)
  const cam = useDevice('camera', camera)
  const entering = useEntering(room, mic, cam, kept)
  const isWide = useScreen('(min-width: 900px)')
  return (
    <Page title={title} back={`/c/${room.conv}`} width="text">
      <div className="before">
        <section className="before-look" aria-label={t('rooms.look')}>
          <Preview device={cam.device} />
          <div className="before-switches">
            <Switch
              on={microphone}
              label={microphone ? t('rooms.mute') : t('rooms.unmute')}
              icon={microphone ? <Mic /> : <MicOff />}
              onChange={setMicrophone}
            />
            <Switch
              on={camera}
              label={camera ? t('rooms.camera.stop') : t('rooms.camera.start')}
              icon={camera ? <Camera /> : <VideoOff />}
              onChange={setCamera}
            />
          </div>
          {mic.device.state === 'on' && <Meter track={mic.device.track} />}
        </section>
        <section className="before-words">
          <State room={room} />
          <Asked isOpening={isOpening(mic.device) || isOpening(cam.device)} />
          <DeviceTrouble kind="microphone" device={mic.device} />
          <DeviceTrouble kind="camera" device={cam.device} />
          {entering.error !== undefined && (
            <Banner tone="danger">{failure(t, meantEntering(entering.error))}</Banner>
          )}
          <Button
            look="primary"
            className="before-join"
            busy={entering.busy}
            onClick={entering.enter}
          >
            {t('rooms.join')}
          </Button>
          <NetworkCheck />
          <details className="before-devices" open={isWide}>
            <summary>{t('rooms.devices')}</summary>
            <div className="form">
              <DeviceFields opened={`${mic.device.state} ${cam.device.state}`} />
            </div>
          </details>
        </section>
      </div>
    </Page>
  )
}

/**
 * Goes in with what is open, once every device has been opened or has not: nobody is silent because
 * they were fast. Who was there before the page was loaded again goes in at once.
 */
function useEntering(
  room: Room,
  mic: ReturnType<typeof useDevice>,
  cam: ReturnType<typeof useDevice>,
  kept: Place | undefined,
) {
  const client = useClient()
  const { busy, error, run } = useTask()
  const [wanted, setWanted] = useState(kept !== undefined)
  const isReady = !isOpening(mic.device) && !isOpening(cam.device)
  const enter = async () => {
    const taken = { microphone: trackOf(mic.device), camera: trackOf(cam.device) }
    await useNow.getState().meeting?.leave()
    const meeting = await Meeting.enter(client, room.room, taken, kept?.place)
    mic.keep()
    cam.keep()
    useNow.setState({ meeting })
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time that it is wanted
  useEffect(() => {
    if (!wanted || !isReady) return
    void run(enter).then(() => setWanted(false))
  }, [wanted, isReady])
  return { busy: wanted || busy, error, enter: () => setWanted(true) }
}

function isOpening(device: Device): boolean {
  return device.state === 'opening'
}

function trackOf(device: Device): MediaStreamTrack | undefined {
  return device.state === 'on' ? device.track : undefined
}

/** One's own picture, or why there is none. */
function Preview({ device }: { device: Device }) {
  const t = useText()
  const me = useMe()
  return (
    <div className="before-picture">
      {device.state === 'on' ? (
        <Video track={device.track} mirrored />
      ) : (
        <div className="before-empty">
          {device.state === 'opening' ? (
            <Spinner />
          ) : (
            <Avatar id={me.user} name={me.name} size="l" />
          )}
          <p>{device.state === 'off' ? t('rooms.camera.off') : ''}</p>
        </div>
      )}
      <p className="tile-name">
        <bdi>{me.name}</bdi>
      </p>
    </div>
  )
}

function Switch({
  on,
  label,
  icon,
  onChange,
}: {
  on: boolean
  label: string
  icon: ReactNode
  onChange: (on: boolean) => void
}) {
  return (
    <Button icon={icon} className={on ? '' : 'switched-off'} onClick={() => onChange(!on)}>
      {label}
    </Button>
  )
}

const TROUBLES: Record<'microphone' | 'camera', Record<Trouble, Key>> = {
  microphone: {
    denied: 'rooms.microphone.denied',
    missing: 'rooms.microphone.missing',
    busy: 'rooms.microphone.busy',
    insecure: 'rooms.insecure',
  },
  camera: {
    denied: 'rooms.camera.denied',
    missing: 'rooms.camera.missing',
    busy: 'rooms.camera.busy',
    insecure: 'rooms.insecure',
  },
}

/** The words for a device that does not work, and what to do about it. */
export function troubleWords(kind: 'microphone' | 'camera', trouble: Trouble): Key {
  return TROUBLES[kind][trouble]
}

function DeviceTrouble({ kind, device }: { kind: 'microphone' | 'camera'; device: Device }) {
  const t = useText()
  if (device.state !== 'trouble') return null
  // One can be in a meeting without either.
  const tone = device.trouble === 'missing' ? 'plain' : 'attention'
  return <Banner tone={tone}>{t(troubleWords(kind, device.trouble))}</Banner>
}

/** A device that was allowed before is open sooner. */
const ASKED_MS = 1_500

/** The browser waits for the person, who may not have seen its question. */
function Asked({ isOpening }: { isOpening: boolean }) {
  const t = useText()
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    if (!isOpening) return
    const timer = setTimeout(() => setLong(true), ASKED_MS)
    return () => {
      clearTimeout(timer)
      setLong(false)
    }
  }, [isOpening])
  return isLong ? <Banner>{t('rooms.asked')}</Banner> : null
}

/** Who is there already, or when it begins. */
function State({ room }: { room: Room }) {
  const t = useText()
  const when = useWhen()
  const me = useMe().user
  const [first, ...others] = room.participants.filter(
    ({ waiting, user }) => !waiting && user !== me,
  )
  if (room.phase === 'planned' && room.starts_at !== undefined && !first) {
    return <p>{t('rooms.planned.for', { when: when.moment(room.starts_at) })}</p>
  }
  if (!first) return <p>{t('rooms.nobody.yet')}</p>
  return (
    <p>
      <There first={first} more={others.length} />
    </p>
  )
}

function There({ first, more }: { first: Room['participants'][number]; more: number }) {
  const t = useText()
  const name = useName(first)
  return more === 0 ? t('rooms.there.one', { name }) : t('rooms.there.more', { name, count: more })
}
