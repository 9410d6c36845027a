import { useEffect, useRef } from 'react'
import { useStore } from 'zustand'
import { useText } from '../texts/language.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { DeviceFields } from './DeviceFields.tsx'
import { chosen, open } from './devices.ts'
import { useMeeting, useView } from './hooks.ts'

/** Another camera, microphone or speaker, while people talk. */
export function DevicesDialog({ onClose }: { onClose: () => void }) {
  const t = useText()
  const sending = useView(view => view.sending)
  useOther('microphone')
  useOther('camera')
  return (
    <Dialog title={t('rooms.devices')} onClose={onClose}>
      <div className="form">
        <DeviceFields opened={sending} />
      </div>
    </Dialog>
  )
}

/** Goes on with another device as soon as it is chosen. */
function useOther(kind: 'microphone' | 'camera'): void {
  const meeting = useMeeting()
  const id = useStore(chosen, choice => choice[kind])
  const before = useRef(id)
  useEffect(() => {
    if (before.current === id) return
    before.current = id
    void meeting.change(kind, () => open(kind))
  }, [meeting, kind, id])
}
