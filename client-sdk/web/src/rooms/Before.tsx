import type { Room } from '@carillon/client'
import { Video as Camera, Mic, MicOff, VideoOff } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTask } from '../app/form.tsx'
import { Page } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { useScreen } from '../model/hooks.ts'
import { failure, Refused } from '../texts/failure.ts'
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
import { type Place, placeIn, takePlace } from './place.ts'
import { meantEntering } from './refusals.ts'
import { type Device, type OpenDevice, useDevice } from './useDevice.ts'
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
              kind="microphone"
              wanted={microphone}
              opened={mic}
              isFixed={entering.isUnderWay}
              onChange={setMicrophone}
            />
            <Switch
              kind="camera"
              wanted={camera}
              opened={cam}
              isFixed={entering.isUnderWay}
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
          {entering.isHeldUp && (
            <Button
              onClick={() => {
                if (isOpening(mic.device)) setMicrophone(false)
                if (isOpening(cam.device)) setCamera(false)
              }}
            >
              {t('rooms.join.without')}
            </Button>
          )}
          <NetworkCheck />
          <details className="before-devices" open={isWide}>
            <summary>{t('rooms.devices')}</summary>
            {/* What goes in is what was open when it was asked for. */}
            <div className="form" inert={entering.isUnderWay}>
              <DeviceFields opened={`${mic.device.state} ${cam.device.state}`} />
            </div>
          </details>
        </section>
      </div>
    </Page>
  )
}

/** So long the browser's question may stand before one is offered to go in without an answer. */
const HELD_UP_MS = 5_000

/**
 * Goes in with what is open, once every device has been opened or has not: nobody is silent because
 * they were fast. Who was there before the page was loaded again goes in at once.
 */
function useEntering(room: Room, mic: OpenDevice, cam: OpenDevice, kept: Place | undefined) {
  const client = useClient()
  const { busy, error, run } = useTask()
  const [wanted, setWanted] = useState(kept !== undefined)
  const isReady = !isOpening(mic.device) && !isOpening(cam.device)
  const place = useRef(kept?.place)
  const gone = useGone()
  const enter = async () => {
    const taken = { microphone: trackOf(mic.device), camera: trackOf(cam.device) }
    if (place.current && !(await takePlace(place.current))) {
      // A copy of the window that has the place: it is asked, and gets one of its own.
      place.current = undefined
      return
    }
    await useNow.getState().meeting?.leave()
    const trying = patience(gone())
    try {
      const { signal } = trying
      const participant = place.current
      const how = participant === undefined ? { signal } : { signal, participant }
      const meeting = await Meeting.enter(client, room.room, taken, how)
      mic.keep()
      cam.keep()
      useNow.setState({ meeting })
    } finally {
      trying.end()
    }
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time that it is wanted
  useEffect(() => {
    if (!wanted || !isReady) return
    void run(enter).then(() => setWanted(false))
  }, [wanted, isReady])
  const isHeldUp = useLasting(wanted && !isReady, HELD_UP_MS)
  return { busy: wanted || busy, isUnderWay: busy, isHeldUp, error, enter: () => setWanted(true) }
}

/** Who has pressed a button and sees nothing happen for longer is told so, and may try again. */
const ENTERING_MS = 20_000

/** A try that ends with the page, or when it takes too long. */
function patience(gone: AbortSignal): { signal: AbortSignal; end: () => void } {
  const own = new AbortController()
  const onGone = () => own.abort(gone.reason)
  if (gone.aborted) onGone()
  gone.addEventListener('abort', onGone)
  const timer = setTimeout(() => own.abort(new Refused('', 'rooms.join.late')), ENTERING_MS)
  const end = () => {
    clearTimeout(timer)
    gone.removeEventListener('abort', onGone)
  }
  return { signal: own.signal, end }
}

/** Ends with the page that asks for it: who has gone back does not want to go in any more. */
function useGone(): () => AbortSignal {
  const life = useRef(new AbortController())
  useEffect(() => {
    life.current = new AbortController()
    return () => life.current.abort()
  }, [])
  return () => life.current.signal
}

/** Whether something has lasted so long. */
function useLasting(lasts: boolean, ms: number): boolean {
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    if (!lasts) return
    const timer = setTimeout(() => setLong(true), ms)
    return () => {
      clearTimeout(timer)
      setLong(false)
    }
  }, [lasts, ms])
  return isLong
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

/** What it does, while it is on and while it is off. */
const SWITCHES = {
  microphone: {
    on: { words: 'rooms.mute', Icon: Mic },
    off: { words: 'rooms.unmute', Icon: MicOff },
  },
  camera: {
    on: { words: 'rooms.camera.stop', Icon: Camera },
    off: { words: 'rooms.camera.start', Icon: VideoOff },
  },
} as const

/** Switches a device on and off; what did not work is off, and is tried again. */
function Switch({
  kind,
  wanted,
  opened,
  isFixed,
  onChange,
}: {
  kind: 'microphone' | 'camera'
  wanted: boolean
  opened: OpenDevice
  /** What is open goes in now, and stays as it is. */
  isFixed: boolean
  onChange: (on: boolean) => void
}) {
  const t = useText()
  const isOn = wanted && opened.device.state !== 'trouble'
  const { words, Icon } = SWITCHES[kind][isOn ? 'on' : 'off']
  return (
    <Button
      icon={<Icon />}
      className={isOn ? '' : 'switched-off'}
      disabled={isFixed}
      onClick={() => (isOn === wanted ? onChange(!wanted) : opened.again())}
    >
      {t(words)}
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

/** The words for a device that does not work in a meeting, and what to do about it. */
export function troubleWords(kind: 'microphone' | 'camera', trouble: Trouble): Key {
  if (trouble !== 'missing') return TROUBLES[kind][trouble]
  return kind === 'microphone' ? 'rooms.microphone.gone' : 'rooms.camera.gone'
}

function DeviceTrouble({ kind, device }: { kind: 'microphone' | 'camera'; device: Device }) {
  const t = useText()
  if (device.state !== 'trouble') return null
  // One can be in a meeting without either.
  const tone = device.trouble === 'missing' ? 'plain' : 'attention'
  return <Banner tone={tone}>{t(TROUBLES[kind][device.trouble])}</Banner>
}

/** A device that was allowed before is open sooner. */
const ASKED_MS = 1_500

/** The browser waits for the person, who may not have seen its question. */
function Asked({ isOpening }: { isOpening: boolean }) {
  const t = useText()
  const isLong = useLasting(isOpening, ASKED_MS)
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
