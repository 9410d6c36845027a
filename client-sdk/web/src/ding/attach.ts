/** What an alert carries: sent to the server before the alert is. */

import { CarillonError, type DingAttachment, LIMITS } from '@carillon/client'

/** What the server takes at most, in bytes. */
export const ATTACHMENT_LEN_MAX = LIMITS.DING_ATTACHMENT_LEN_MAX
/** A voice note is no longer. */
export const VOICE_MS_MAX = 60_000
/** Speech is understood well at this. */
const VOICE_BITS_PER_SECOND = 24_000
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus']

/** Gives the server a file or a voice note. */
export async function upload(bytes: Blob, name: string, lastsMs?: number): Promise<DingAttachment> {
  const query = new URLSearchParams({ name })
  if (lastsMs !== undefined) query.set('lasts_ms', String(Math.round(lastsMs)))
  const type = bytes.type.split(';')[0] || 'application/octet-stream'
  let answer: Response
  try {
    const request = { method: 'POST', body: bytes, headers: { 'content-type': type } }
    answer = await fetch(`/v1/ding/attachments?${query}`, request)
  } catch (thrown) {
    const msg = 'the server cannot be reached'
    throw new CarillonError({ code: 'E_OFFLINE', msg, retry: 'same' }, thrown)
  }
  const said = await answer.json().catch(() => undefined)
  if (answer.ok) return said
  const msg = `the server answered ${answer.status}`
  throw new CarillonError(said?.code ? said : { code: 'E_UNAVAILABLE', msg, retry: 'after' })
}

/** A voice note while it is spoken. */
export interface Recording {
  /** Ends it, and gives what was said. */
  stop: () => Promise<{ bytes: Blob; lastsMs: number }>
  /** Ends it, and forgets it. */
  cancel: () => void
}

/** Records the microphone until it is stopped, a minute at most. */
export async function record(onEnd: () => void): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
  const mimeType = TYPES.find(type => MediaRecorder.isTypeSupported(type))
  const how = { audioBitsPerSecond: VOICE_BITS_PER_SECOND, ...(mimeType && { mimeType }) }
  const recorder = new MediaRecorder(stream, how)
  const parts: Blob[] = []
  recorder.addEventListener('dataavailable', ({ data }) => parts.push(data))
  const ended = new Promise<void>(done => recorder.addEventListener('stop', () => done()))
  const from = performance.now()
  let lastsMs = 0
  const end = () => {
    if (recorder.state === 'inactive') return
    lastsMs = Math.min(VOICE_MS_MAX, performance.now() - from)
    recorder.stop()
    for (const track of stream.getTracks()) track.stop()
  }
  const timer = setTimeout(() => {
    end()
    onEnd()
  }, VOICE_MS_MAX)
  recorder.start()
  const stop = async () => {
    clearTimeout(timer)
    end()
    await ended
    return { bytes: new Blob(parts, { type: recorder.mimeType }), lastsMs }
  }
  const cancel = () => {
    clearTimeout(timer)
    end()
  }
  return { stop, cancel }
}
