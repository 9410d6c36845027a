/** Microphones, cameras and screens of a browser, as meetings want them. */

/** A face fills a big tile with that; more is not shown. */
const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
}

const MICROPHONE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
}

/** A screen that is shared, and its sound if there is any and it was wanted. */
export interface SharedScreen {
  video: MediaStreamTrack
  audio: MediaStreamTrack | undefined
}

/**
 * Opens a microphone: the one that is named, or the system's.
 *
 * @throws {DOMException} as `getUserMedia`: `NotAllowedError` if the person or the page's policy
 * says no, `NotFoundError` if there is none, `NotReadableError` if it is in use.
 */
export async function openMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
  const audio = { ...MICROPHONE, ...exactly(deviceId) }
  const stream = await navigator.mediaDevices.getUserMedia({ audio })
  return hinted(stream.getAudioTracks(), 'speech')
}

/**
 * Opens a camera: the one that is named, or the system's.
 *
 * @throws {DOMException} as `openMicrophone`.
 */
export async function openCamera(deviceId?: string): Promise<MediaStreamTrack> {
  const video = { ...CAMERA, ...exactly(deviceId) }
  const stream = await navigator.mediaDevices.getUserMedia({ video })
  return hinted(stream.getVideoTracks(), 'motion')
}

/**
 * Lets the person choose a screen, a window or a tab to share. Its `ended` event tells that they
 * ended it by the browser's own button.
 *
 * @throws {DOMException} as `getDisplayMedia`: `NotAllowedError` if they chose none.
 */
export async function openScreen(withSound = false): Promise<SharedScreen> {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { max: 30 } },
    audio: withSound,
  })
  const [audio] = stream.getAudioTracks()
  if (audio) audio.contentHint = 'music'
  return { video: hinted(stream.getVideoTracks(), 'detail'), audio }
}

function exactly(deviceId: string | undefined): MediaTrackConstraints {
  return deviceId === undefined ? {} : { deviceId: { exact: deviceId } }
}

function hinted([track]: MediaStreamTrack[], hint: string): MediaStreamTrack {
  if (!track) throw new DOMException('the browser gave no track', 'NotFoundError')
  track.contentHint = hint
  return track
}
