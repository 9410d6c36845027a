import { Mic, Paperclip, Square, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTask } from '../app/form.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { ATTACHMENT_LEN_MAX, type Recording, record, upload } from './attach.ts'
import { Attached } from './Content.tsx'
import { useDraft } from './draft.ts'
import { useNowEvery } from './moments.ts'

/** A voice note or a file, at most one of them. */
export function Attachments() {
  const t = useText()
  const attachment = useDraft(draft => draft.attachment)
  const file = useRef<HTMLInputElement>(null)
  const { recording, wrong, task, give, stop, begin } = useAttaching()
  return (
    <div className="ding-attach">
      {attachment ? (
        <div className="ding-attached">
          <Attached attachment={attachment} />
          <Button
            look="quiet"
            icon={<X />}
            onClick={() => useDraft.setState({ attachment: undefined })}
          >
            {t('ding.attach.drop')}
          </Button>
        </div>
      ) : recording ? (
        <Speaking onStop={() => void stop()} />
      ) : (
        <div className="row">
          <Button icon={<Mic />} busy={task.busy} onClick={() => void begin()}>
            {t('ding.voice.record')}
          </Button>
          <Button icon={<Paperclip />} busy={task.busy} onClick={() => file.current?.click()}>
            {t('ding.file')}
          </Button>
        </div>
      )}
      <input
        ref={file}
        type="file"
        hidden
        aria-label={t('ding.file')}
        onChange={event => {
          const [chosen] = event.target.files ?? []
          if (chosen) void task.run(() => give(chosen, chosen.name))
          event.target.value = ''
        }}
      />
      {(wrong ?? task.error) !== undefined && (
        <p className="field-error" role="alert">
          {wrong ?? failure(t, task.error)}
        </p>
      )}
    </div>
  )
}

/** Records, or takes a file, and gives it to the server. */
function useAttaching() {
  const t = useText()
  const [recording, setRecording] = useState<Recording>()
  const [wrong, setWrong] = useState<string>()
  const task = useTask()
  const latest = useRef<Recording>(undefined)
  // Whoever leaves the page is not recorded any longer.
  useEffect(() => () => latest.current?.cancel(), [])
  const keep = (recording: Recording | undefined) => {
    latest.current = recording
    setRecording(recording)
  }
  const give = async (bytes: Blob, name: string, lastsMs?: number) => {
    if (bytes.size > ATTACHMENT_LEN_MAX) {
      return setWrong(t('ding.file.large', { size: Math.floor(ATTACHMENT_LEN_MAX / 1_000) }))
    }
    setWrong(undefined)
    const attachment = await upload(bytes, name, lastsMs)
    useDraft.setState({ attachment })
  }
  const stop = () =>
    task.run(async () => {
      const ended = latest.current
      keep(undefined)
      if (!ended) return
      const { bytes, lastsMs } = await ended.stop()
      await give(bytes, t('ding.voice'), lastsMs)
    })
  const begin = async () => {
    setWrong(undefined)
    try {
      keep(await record(() => void stop()))
    } catch {
      setWrong(t('ding.voice.refused'))
    }
  }
  return { recording, wrong, task, give, stop, begin }
}

function Speaking({ onStop }: { onStop: () => void }) {
  const t = useText()
  const [from] = useState(() => Date.now())
  const seconds = Math.floor(Math.max(0, useNowEvery(500) - from) / 1_000)
  return (
    <Button look="danger" icon={<Square />} onClick={onStop}>
      {t('ding.voice.stop', { seconds })}
    </Button>
  )
}
