// Somebody in a room with `@roamhq/wrtc`, which is the WebRTC of Chromium for Node.

import { createRequire } from 'node:module'

import { caller, participate, withParent } from './participant.mjs'

// From where this is run, not from where it lies.
const wrtc = createRequire(`${process.cwd()}/`)('@roamhq/wrtc')
const { RTCAudioSource, RTCVideoSource } = wrtc.nonstandard
const [url, token, room] = process.argv.slice(2)
withParent(() => process.exit(0))

const size = { width: 320, height: 180 }
const picture = new RTCVideoSource()
const luma = size.width * size.height
let shade = 0
setInterval(() => {
  shade = (shade + 8) % 256
  picture.onFrame({ ...size, data: new Uint8ClampedArray(luma * 1.5).fill(shade, 0, luma) })
}, 1_000 / 15)

const voice = new RTCAudioSource()
const sound = { sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 }
const samples = Int16Array.from({ length: 480 }, (_, i) => Math.sin((i * Math.PI) / 60) * 8_000)
setInterval(() => voice.onData({ ...sound, samples }), 10)

const tracks = { audio: voice.createTrack(), video: picture.createTrack() }
await participate(room, {
  RTCPeerConnection: wrtc.RTCPeerConnection,
  tracks,
  call: caller(url, token),
  say: said => process.stdout.write(`${JSON.stringify(said)}\n`),
})
