import { useStore } from 'zustand'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { useMeeting, useView } from './hooks.ts'
import { troubleWords } from './Preparing.tsx'
import { meantInside } from './refusals.ts'

/** What went wrong with a device, and what the server refused, until the person has read it. */
export function Troubles() {
  const t = useText()
  const meeting = useMeeting()
  const { trouble, refused } = useStore(meeting.view)
  const clear = (
    <Button look="quiet" onClick={() => meeting.clear()}>
      {t('close')}
    </Button>
  )
  const source = trouble?.source
  return (
    <>
      <Silenced />
      {trouble && (
        <Banner tone="attention" action={clear}>
          {source === 'microphone' || source === 'camera'
            ? t(troubleWords(source, trouble.trouble))
            : t('rooms.share.failed')}
        </Banner>
      )}
      {refused !== undefined && (
        <Banner tone="danger" action={clear}>
          {failure(t, meantInside(refused))}
        </Banner>
      )}
    </>
  )
}

/** A phone call, the system or a shutter takes away what the person believes is on. */
function Silenced() {
  const t = useText()
  const silenced = useView(view => view.silenced)
  return (
    <>
      {silenced.includes('microphone') && (
        <Banner tone="attention">{t('rooms.microphone.silenced')}</Banner>
      )}
      {silenced.includes('camera') && (
        <Banner tone="attention">{t('rooms.camera.silenced')}</Banner>
      )}
    </>
  )
}
