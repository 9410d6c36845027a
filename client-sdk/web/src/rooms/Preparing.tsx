import { Video as Camera, Mic, MicOff, VideoOff } from 'lucide-react'
import type { ReactNode } from 'react'
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
import { type Entering, type OwnDevices, useLasting } from './entering.ts'
import { Meter } from './Meter.tsx'
import { NetworkCheck } from './NetworkCheck.tsx'
import { meantEntering } from './refusals.ts'
import type { Device, OpenDevice } from './useDevice.ts'
import { Video } from './Video.tsx'

/** How one looks and sounds, whether the others are heard, and the button that leads in. */
export function Preparing({
  who,
  own,
  entering,
  action,
  ask,
  children,
}: {
  /** Whose picture it is: the letters where there is none. */
  who: { id: string; name: string }
  own: OwnDevices
  entering: Entering
  /** What the button does. */
  action: string
  /** Asks the server anything, to see how long the way is. */
  ask: () => Promise<unknown>
  /** What stands before the button. */
  children: ReactNode
}) {
  const t = useText()
  const { mic, cam, wanted, setMicrophone, setCamera } = own
  const isWide = useScreen('(min-width: 900px)')
  const isFixed = entering.isUnderWay
  const withoutAsking = () => {
    if (mic.device.state === 'opening') setMicrophone(false)
    if (cam.device.state === 'opening') setCamera(false)
  }
  return (
    <div className="before">
      <section className="before-look" aria-label={t('rooms.look')}>
        <Preview device={cam.device} who={who} />
        <div className="before-switches">
          <Switch
            kind="microphone"
            wanted={wanted.microphone}
            opened={mic}
            isFixed={isFixed}
            onChange={setMicrophone}
          />
          <Switch
            kind="camera"
            wanted={wanted.camera}
            opened={cam}
            isFixed={isFixed}
            onChange={setCamera}
          />
        </div>
        {mic.device.state === 'on' && <Meter track={mic.device.track} />}
      </section>
      <section className="before-words">
        {children}
        <Asked isOpening={own.isOpening} />
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
          {action}
        </Button>
        {entering.isHeldUp && <Button onClick={withoutAsking}>{t('rooms.join.without')}</Button>}
        <NetworkCheck ask={ask} />
        <details className="before-devices" open={isWide}>
          <summary>{t('rooms.devices')}</summary>
          {/* What goes in is what was open when it was asked for. */}
          <div className="form" inert={isFixed}>
            <DeviceFields opened={`${mic.device.state} ${cam.device.state}`} />
          </div>
        </details>
      </section>
    </div>
  )
}

/** One's own picture, or why there is none. */
function Preview({ device, who }: { device: Device; who: { id: string; name: string } }) {
  const t = useText()
  return (
    <div className="before-picture">
      {device.state === 'on' ? (
        <Video track={device.track} mirrored />
      ) : (
        <div className="before-empty">
          {device.state === 'opening' ? (
            <Spinner />
          ) : (
            <Avatar id={who.id} name={who.name} size="l" />
          )}
          <p>{device.state === 'off' ? t('rooms.camera.off') : ''}</p>
        </div>
      )}
      <p className="tile-name">
        <bdi>{who.name}</bdi>
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
