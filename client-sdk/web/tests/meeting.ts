import type { Locator, Page } from '@playwright/test'
import { expect } from './kit.ts'

/** Browsers with a camera and a microphone that nobody has to allow, and that talk to 127.0.0.1. */
export const MEETING = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  // Of several windows all but one are behind another.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
]

/** In a page: a small picture, which two cores encode for several people, and every connection. */
function prepared(): void {
  const { mediaDevices } = navigator
  const get = mediaDevices.getUserMedia.bind(mediaDevices)
  mediaDevices.getUserMedia = ({ video, audio } = {}) => {
    const small = typeof video === 'object' && { ...video, width: 320, height: 180, frameRate: 15 }
    return get({ audio: audio ?? false, video: small })
  }
  const made: RTCPeerConnection[] = []
  const Made = RTCPeerConnection
  window.RTCPeerConnection = class extends Made {
    constructor(...args: ConstructorParameters<typeof Made>) {
      super(...args)
      made.push(this)
    }
  }
  window.connections = made
}

/** What a page has received so far, of the connections that are open. */
export interface Received {
  /** Frames that were decoded, a figure for each picture. */
  readonly frames: number[]
  /** Bytes of sound. */
  readonly sound: number
  /** How many players of sound play. */
  readonly players: number
}

/** Makes a page ready for meetings, before it goes anywhere. */
export async function ready(page: Page): Promise<Page> {
  await page.addInitScript(prepared)
  return page
}

export async function received(page: Page): Promise<Received> {
  return page.evaluate(async () => {
    const frames: number[] = []
    let sound = 0
    for (const connection of window.connections) {
      if (connection.connectionState !== 'connected') continue
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== 'inbound-rtp') continue
        if (report.kind === 'audio') sound += report.bytesReceived
        else if (report.framesDecoded > 0) frames.push(report.framesDecoded)
      }
    }
    const players = [...document.querySelectorAll('audio')].filter(player => !player.paused)
    frames.sort((one, other) => other - one)
    return { frames, sound, players: players.length }
  })
}

/** Waits until so many pictures move, and something is heard. */
export async function meets(page: Page, pictures: number): Promise<void> {
  await expect
    .poll(async () => (await received(page)).frames.length, { timeout: 30_000 })
    .toBeGreaterThanOrEqual(pictures)
  const before = await received(page)
  await expect
    .poll(
      async () => {
        const now = await received(page)
        const moved = now.frames.filter((frames, at) => frames > (before.frames[at] ?? 0) + 5)
        return moved.length >= pictures && now.sound > before.sound && now.players > 0
      },
      { timeout: 30_000 },
    )
    .toBe(true)
}

/** Goes from a conversation into its meeting, which is begun if there is none. */
export async function enter(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^(Start|Join) meeting/ }).click()
  await join(page)
  await expect(bar(page)).toBeVisible()
}

/** Presses what stands before a meeting. */
export async function join(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Join', exact: true }).click()
}

export function bar(page: Page): Locator {
  return page.getByRole('toolbar', { name: 'Meeting controls' })
}

/** Presses a button of the bar. */
export async function press(page: Page, name: string | RegExp): Promise<void> {
  await bar(page)
    .getByRole('button', { name, ...(typeof name === 'string' && { exact: true }) })
    .click()
}

/** Somebody's place on the stage. */
export function tile(page: Page, name: string): Locator {
  return page.getByRole('list', { name: 'People' }).first().getByRole('listitem').filter({
    hasText: name,
  })
}

declare global {
  interface Window {
    connections: RTCPeerConnection[]
  }
}
