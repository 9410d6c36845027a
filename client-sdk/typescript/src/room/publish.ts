/**
 * The connection by which a participant sends.
 *
 * All media sections are made at once and one offer is made of them: what is sent later takes its
 * place in one (`replaceTrack`), without negotiation. Another offer only restarts ICE.
 */

import { after, type Timer } from '../clock.ts'
import type { RoomSource } from '../protocol.ts'
import { connection, isAudio, type Setup, SOURCES, Turns } from './rtc.ts'

/** Nobody may look away for a moment only: so long, and all layers are paused. */
export const PAUSE_MS = 5_000
/** More pictures a second are not sent: people do not miss them, and lines do. */
const FRAMERATE_MAX = 30

/** What a section for pictures sends, the smallest first: by `rid`, scale and bits a second. */
const LAYERS: Partial<Record<RoomSource, readonly [string, number, number][]>> = {
  camera: [
    ['q', 4, 100_000],
    ['h', 2, 350_000],
    ['f', 1, 1_300_000],
  ],
  // A screen changes seldom and then as a whole; half of it can still be read.
  screen: [
    ['h', 2, 500_000],
    ['f', 1, 2_500_000],
  ],
}

/** What an encoder is to spare: a voice's clearness, a screen's sharpness, a face's movement. */
const HINTS: Record<RoomSource, string> = {
  microphone: 'speech',
  camera: 'motion',
  screen: 'detail',
  screen_audio: 'music',
}

/** One section, and what it is to carry. */
interface Section {
  readonly transceiver: RTCRtpTransceiver
  /** The sender takes one change at a time. */
  readonly turns: Turns
  track: MediaStreamTrack | null
  /** How many layers somebody looks at; all, until the server says so. */
  layers: number
  pause: Timer | undefined
}

/** Sends what a participant shows and says. */
export class Publisher {
  readonly pc: RTCPeerConnection
  readonly #setup: Setup
  readonly #sections = new Map<RoomSource, Section>()
  /** One offer at a time. */
  readonly #offers = new Turns()
  #closed = false

  constructor(setup: Setup) {
    this.#setup = setup
    this.pc = connection(setup)
    for (const source of SOURCES) {
      const transceiver = this.pc.addTransceiver(isAudio(source) ? 'audio' : 'video', {
        direction: 'sendonly',
        ...encodings(source),
      })
      const section = { transceiver, turns: new Turns(), track: null, pause: undefined }
      this.#sections.set(source, { ...section, layers: Number.POSITIVE_INFINITY })
    }
  }

  /** Connects, or finds other ways to where it is connected. */
  offer(iceRestart = false): Promise<void> {
    return this.#offers.run(async () => {
      if (this.#closed) return
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart }))
      const sends = [...this.#sections].flatMap(
        ([
          source,
          {
            transceiver: { mid },
          },
        ]) => (mid === null ? [] : [{ mid, source }]),
      )
      const { participant, ask } = this.#setup
      const sdp = this.pc.localDescription?.sdp ?? ''
      const answer = await ask('room.offer', { participant, sdp, sends })
      if (!this.#closed) await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
    })
  }

  /** Sends this from now on; `null` is silence, and costs nothing. */
  carry(source: RoomSource, track: MediaStreamTrack | null): Promise<void> {
    const section = this.#section(source)
    section.track = track
    if (track && 'contentHint' in track && track.contentHint === '') {
      track.contentHint = HINTS[source]
    }
    return section.turns.run(async () => {
      // Of several changes the last one holds.
      const { sender } = section.transceiver
      if (!this.#closed && sender.track !== section.track) await sender.replaceTrack(section.track)
    })
  }

  /** Somebody looks at so many layers; the others are not sent. */
  wanted(source: RoomSource, layers: number): void {
    const section = this.#sections.get(source)
    if (!section || LAYERS[source] === undefined) return
    clearTimeout(section.pause)
    const apply = () => {
      section.layers = layers
      // A platform that cannot pause layers sends them all: that is dearer, and not wrong.
      void section.turns.run(() => this.#activate(section)).catch(() => {})
    }
    if (layers > 0) apply()
    else section.pause = after(PAUSE_MS, apply)
  }

  async #activate({ transceiver: { sender }, layers }: Section): Promise<void> {
    if (this.#closed) return
    const parameters = sender.getParameters()
    const stale = parameters.encodings.filter(({ active }, at) => active !== at < layers)
    if (stale.length === 0) return
    for (const encoding of stale) encoding.active = !encoding.active
    await sender.setParameters(parameters)
  }

  /** What a section carries, by the `mid` of the description. */
  sourceOf(mid: string | undefined): RoomSource | undefined {
    for (const [source, { transceiver }] of this.#sections) {
      if (mid !== undefined && transceiver.mid === mid) return source
    }
    return undefined
  }

  #section(source: RoomSource): Section {
    const section = this.#sections.get(source)
    if (!section) throw new Error(`${source} is no source`)
    return section
  }

  close(): void {
    this.#closed = true
    for (const { pause } of this.#sections.values()) clearTimeout(pause)
    this.pc.close()
  }
}

function encodings(source: RoomSource): RTCRtpTransceiverInit {
  const layers = LAYERS[source]
  if (!layers) return {}
  return {
    sendEncodings: layers.map(([rid, scaleResolutionDownBy, maxBitrate]) => ({
      rid,
      scaleResolutionDownBy,
      maxBitrate,
      maxFramerate: FRAMERATE_MAX,
    })),
  }
}
