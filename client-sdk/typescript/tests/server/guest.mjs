/**
 * Somebody in a meeting, as a process of its own: the WebRTC of Node does not survive the end of
 * its process, and no test's process is to end with it. Shows one shade and whistles one note.
 */

import { Client } from '@carillon/client/node'
import { joinRoom } from '@carillon/client/rooms'
import wrtc from '@roamhq/wrtc'

const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard
const SIZE = { width: 320, height: 180 }
const FRAME_MS = 33
const RATE = 48_000
const NOTE_MS = 10
/** Louder than what a decoder makes of silence. */
const LOUD = 2_000

const { url, token, room, shade } = JSON.parse(process.argv[2] ?? '{}')
const tell = message => process.send?.(message)

const client = await Client.connect({ url, token })
const rtc = { RTCPeerConnection: wrtc.RTCPeerConnection, MediaStream: wrtc.MediaStream }
const meeting = await joinRoom(client, room, { rtc })

const picture = new RTCVideoSource()
const voice = new RTCAudioSource()
const tracks = { camera: picture.createTrack(), microphone: voice.createTrack() }
const luma = SIZE.width * SIZE.height
const pixels = new Uint8Array(luma * 1.5).fill(128).fill(shade, 0, luma)
setInterval(() => picture.onFrame({ ...SIZE, data: pixels }), FRAME_MS)
let phase = 0
setInterval(() => {
  const samples = Int16Array.from({ length: (RATE * NOTE_MS) / 1_000 }, () => {
    phase += (2 * Math.PI * 440) / RATE
    return Math.sin(phase) * 16_000
  })
  const sound = { sampleRate: RATE, bitsPerSample: 16, channelCount: 1 }
  voice.onData({ samples, ...sound, numberOfFrames: samples.length })
}, NOTE_MS)

/** Whom the pictures that come now show, by the track. */
const shown = new Map()
const heard = new Set()

function look() {
  const others = meeting.participants.filter(({ participant }) => participant !== meeting.me)
  meeting.setViews(others.map(({ participant }) => ({ participant, source: 'camera', ...SIZE })))
  for (const { participant } of others) {
    const track = meeting.trackOf(participant, 'camera')
    if (track && shown.get(track) === undefined) watch(track)
    if (track) shown.set(track, participant)
  }
  for (const track of meeting.audio?.getAudioTracks() ?? []) {
    if (!heard.has(track)) listen(track)
  }
}

function watch(track) {
  const sink = new RTCVideoSink(track)
  sink.onframe = ({ frame: { width, height, data } }) => {
    const middle = data[Math.floor(height / 2) * width + Math.floor(width / 2)]
    tell({ kind: 'seen', participant: shown.get(track), shade: middle, width, height })
  }
}

function listen(track) {
  heard.add(track)
  const sink = new RTCAudioSink(track)
  sink.ondata = ({ samples }) => {
    if (samples.some(sample => sample > LOUD)) tell({ kind: 'heard' })
  }
}

meeting.listen(update => {
  look()
  if (update.kind !== 'roster' && update.kind !== 'tracks') tell(update)
})
process.on('message', async ({ ask, args }) => {
  try {
    const answer = typeof meeting[ask] === 'function' ? await meeting[ask](...args) : meeting[ask]
    tell({ kind: 'answer', ask, answer })
  } catch ({ code, message }) {
    tell({ kind: 'answer', ask, error: { code, message } })
  }
})
for (const [source, track] of Object.entries(tracks)) await meeting.publish(source, track)
look()
tell({ kind: 'there', me: meeting.me, state: meeting.state.state })
