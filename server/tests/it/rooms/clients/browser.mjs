// Somebody in a room with a browser's WebRTC and its pretended camera: `chrome` or `firefox`.

import { createRequire } from 'node:module'

import { caller, participate, withParent } from './participant.mjs'

// From where this is run, not from where it lies.
const puppeteer = createRequire(`${process.cwd()}/`)('puppeteer-core')
const [browser, executablePath, url, token, room] = process.argv.slice(2)

const running = await puppeteer.launch({
  browser,
  executablePath,
  headless: true,
  ...(browser === 'chrome' && {
    ignoreDefaultArgs: ['--mute-audio'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      '--allow-loopback-in-peer-connection',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
      '--disable-features=WebRtcHideLocalIpsWithMdns',
    ],
  }),
  ...(browser === 'firefox' && {
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
    },
  }),
})
// Whoever waits for the page learns that it is gone, and that is the end of it.
let ends = false
withParent(() => {
  ends = true
  running.close().finally(() => process.exit(0))
})

async function meet() {
  const page = await running.newPage()
  // Any page of a secure context will do. Calls are made out here: a page's own would have to be
  // allowed by it.
  await page.goto(`${url}/healthz`)
  await page.exposeFunction('call', caller(url, token))
  await page.exposeFunction('said', said => process.stdout.write(`${JSON.stringify(said)}\n`))
  await page.evaluate(
    `(async () => {
      const media = await navigator.mediaDevices.getUserMedia({
        audio: true, video: { width: 320, height: 180, frameRate: 15 } })
      const tracks = { audio: media.getAudioTracks()[0], video: media.getVideoTracks()[0] }
      const host = { RTCPeerConnection, tracks, call: window.call, say: window.said }
      await (${participate})(${JSON.stringify(room)}, host)
    })()`,
  )
}

await meet().catch(error => {
  if (!ends) throw error
})
