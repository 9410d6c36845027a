import { Volume2 } from 'lucide-react'
import { useState } from 'react'
import { useStore } from 'zustand'
import { type Key, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Select } from '../ui/Field.tsx'
import { choose, choosesSpeaker, chosen, type Kind } from './devices.ts'
import { ring } from './level.ts'
import { useDevices } from './useDevice.ts'

const LABELS: Record<Kind, Key> = {
  microphone: 'rooms.microphone',
  camera: 'rooms.camera',
  speaker: 'rooms.speaker',
}

/** Which camera, microphone and speaker are used, where there is a choice. */
export function DeviceFields({ opened }: { opened: unknown }) {
  return (
    <>
      <DeviceField kind="microphone" opened={opened} />
      <DeviceField kind="camera" opened={opened} />
      {choosesSpeaker && <DeviceField kind="speaker" opened={opened} />}
      <SpeakerTest />
    </>
  )
}

function DeviceField({ kind, opened }: { kind: Kind; opened: unknown }) {
  const t = useText()
  const devices = useDevices(kind, opened)
  const id = useStore(chosen, choice => choice[kind])
  if (devices.length === 0) return null
  const value = devices.some(({ deviceId }) => deviceId === id) ? id : devices[0]?.deviceId
  return (
    <Select
      label={t(LABELS[kind])}
      value={value}
      onChange={event => choose(kind, event.target.value)}
    >
      {devices.map(({ deviceId, label }) => (
        <option key={deviceId} value={deviceId}>
          {label}
        </option>
      ))}
    </Select>
  )
}

/** Rings a bell: whoever hears it hears the others. */
function SpeakerTest() {
  const t = useText()
  const speaker = useStore(chosen, choice => choice.speaker)
  const [state, setState] = useState<'new' | 'rings' | 'rang' | 'silent'>('new')
  const play = async () => {
    setState('rings')
    try {
      await ring(speaker)
      setState('rang')
    } catch {
      setState('silent')
    }
  }
  return (
    <div className="row">
      <Button icon={<Volume2 />} busy={state === 'rings'} onClick={() => void play()}>
        {t('rooms.speaker.test')}
      </Button>
      <p className="soft grow" role="status">
        {state === 'rang' && t('rooms.speaker.rang')}
        {state === 'silent' && t('rooms.speaker.silent')}
      </p>
    </div>
  )
}
