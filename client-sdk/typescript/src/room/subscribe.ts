/**
 * The connection by which a participant sees and hears.
 *
 * The server offers a fixed number of slots; what they show follows what the caller looks at. One
 * thing is on its way at a time: a question what is looked at, or the answer to an offer.
 */

import { after, now, type Timer } from '../clock.ts'
import { CarillonError, errorBody } from '../error.ts'
import { LIMITS, type RoomParticipantId, type RoomSource, type RoomView } from '../protocol.ts'
import { connection, type Setup } from './rtc.ts'

/** Who scrolls asks so often at most. */
export const ASK_MS = 100
/** What has no slot yet is asked for again after so long, and then after twice as long. */
const MISSING_MS_FIRST = 1_000
/** The longest wait between two such questions. */
const MISSING_MS_MAX = 5_000

/** Where not all can be shown, this share of them is tried next. */
const FEWER = 3 / 4
/** What a description grows by until it is sent, in bytes: candidates, and the rest of the frame. */
const RESERVE = 4_096

/** Who hears of it. */
export interface SubscribeHearer {
  /** Another track shows somebody, or there is another voice to be played. */
  tracks(): void
  /** It cannot go on: the server does not know the connection, or its offer cannot be taken. */
  failed(error: unknown): void
  /** Whether somebody sends this now. */
  published(participant: RoomParticipantId, source: RoomSource): boolean
}

/** Shows and plays what others send. */
export class Subscriber {
  readonly pc: RTCPeerConnection
  /** All voices. */
  readonly audio: MediaStream
  readonly #setup: Setup
  readonly #hearer: SubscribeHearer
  #views: readonly RoomView[] = []
  /** What was asked for last, as text. */
  #asked = '[]'
  /** Of what was asked for, what was published when it was asked for, and still is. */
  #there = new Set<string>()
  #slots = new Map<string, string>()
  #transceivers = new Map<string | null, RTCRtpTransceiver>()
  /** How many pictures the connection can be described with. */
  #most: number = LIMITS.VIEWS_MAX
  /** The offer of `room.join`, until it was taken. */
  #offer: string | undefined
  #again = false
  #restart = false
  #busy = false
  #timer: Timer | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #missing: Timer | undefined
  #misses = 0
  #closed = false

  constructor(setup: Setup, offer: string, hearer: SubscribeHearer) {
    this.#setup = setup
    this.#hearer = hearer
    this.#offer = offer
    this.pc = connection(setup)
    this.audio = new setup.rtc.MediaStream()
    this.#pump()
  }

  /** What is on the screen from now on, the most important first. */
  look(views: readonly RoomView[]): void {
    this.#views = wellFormed(views)
    this.#misses = 0
    this.#pump()
  }

  /** Asks again, though nothing changed: whether the server still knows the connection. */
  probe(): void {
    this.#again = true
    this.#pump()
  }

  /** Finds other ways to the server. */
  restart(): void {
    this.#restart = true
    this.probe()
  }

  /** Others send something else: what is looked at and newly there has a slot to be asked for. */
  rosterChanged(): void {
    const there = this.#published()
    const isNew = [...there].some(key => !this.#there.has(key))
    for (const key of this.#there) if (!there.has(key)) this.#there.delete(key)
    if (!isNew) return
    this.#misses = 0
    this.probe()
  }

  /** Who is looked at and sends, by key. */
  #published(): Set<string> {
    const there = this.#views.filter(view => this.#hearer.published(view.participant, view.source))
    return new Set(there.map(keyOf))
  }

  trackOf(participant: RoomParticipantId, source: RoomSource): MediaStreamTrack | undefined {
    const mid = this.#slots.get(keyOf({ participant, source }))
    return mid === undefined ? undefined : this.#transceivers.get(mid)?.receiver.track
  }

  /** Whom a slot shows, by the `mid` of the description. */
  shownBy(mid: string | undefined): { participant: string; source: RoomSource } | undefined {
    const [key] = [...this.#slots].find(([, slot]) => slot === mid) ?? []
    const view = this.#views.find(view => keyOf(view) === key)
    return view && { participant: view.participant, source: view.source }
  }

  #pump(): void {
    if (this.#busy || this.#closed || this.#timer !== undefined) return
    if (this.#offer === undefined && !this.#stale) return
    const wait = this.#offer === undefined ? this.#askedAt + ASK_MS - now() : 0
    this.#timer = after(wait, () => {
      this.#timer = undefined
      void this.#turn()
    })
  }

  get #stale(): boolean {
    return this.#again || JSON.stringify(this.#views) !== this.#asked
  }

  async #turn(): Promise<void> {
    this.#busy = true
    try {
      if (this.#offer === undefined) await this.#ask()
      else if (!(await this.#answer(this.#offer))) throw tooLarge()
    } catch (thrown) {
      if (!this.#closed) this.#hearer.failed(thrown)
      return
    } finally {
      this.#offer = undefined
      this.#busy = false
    }
    this.#pump()
  }

  async #ask(): Promise<void> {
    const { participant, ask } = this.#setup
    const views = this.#views.slice(0, this.#most)
    const restart = this.#restart
    this.#asked = JSON.stringify(this.#views)
    this.#again = false
    this.#restart = false
    this.#askedAt = now()
    this.#there = this.#published()
    const more = restart && { restart }
    const { slots, offer } = await ask('room.subscribe', { participant, views, ...more })
    if (this.#closed) return
    if (offer !== undefined && !(await this.#answer(offer))) {
      this.#tooMany(views.length)
      return
    }
    if (this.#closed) return
    this.#slots = new Map(slots.map(slot => [keyOf(slot), slot.mid]))
    this.#hearer.tracks()
    this.#askForMissing()
  }

  /** Whether the offer was answered: not, if the answer is larger than the server takes. */
  async #answer(sdp: string): Promise<boolean> {
    await this.pc.setRemoteDescription({ type: 'offer', sdp })
    const answer = await this.pc.createAnswer()
    if (!isTaken(answer.sdp)) {
      await this.pc.setRemoteDescription({ type: 'rollback' })
      return false
    }
    await this.pc.setLocalDescription(answer)
    const transceivers = this.pc.getTransceivers()
    this.#transceivers = new Map(transceivers.map(transceiver => [transceiver.mid, transceiver]))
    for (const { receiver } of transceivers) {
      if (receiver.track.kind === 'audio') this.audio.addTrack(receiver.track)
    }
    if (this.#closed) return true
    const { participant, ask } = this.#setup
    await ask('room.answer', { participant, sdp: this.pc.localDescription?.sdp ?? '' })
    if (!this.#closed) this.#hearer.tracks()
    return true
  }

  /** Looks at fewer from now on, of which the first are the most important. */
  #tooMany(asked: number): void {
    if (asked <= 1) throw tooLarge()
    this.#most = Math.floor(asked * FEWER)
    this.#again = true
  }

  /** What is published comes to the server a moment later than to the roster. */
  #askForMissing(): void {
    clearTimeout(this.#missing)
    if (![...this.#published()].some(key => !this.#slots.has(key))) return
    const wait = Math.min(MISSING_MS_FIRST * 2 ** Math.min(this.#misses, 3), MISSING_MS_MAX)
    this.#misses += 1
    this.#missing = after(wait, () => this.probe())
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#missing)
    this.pc.close()
  }
}

function keyOf({ participant, source }: Pick<RoomView, 'participant' | 'source'>): string {
  return `${participant} ${source}`
}

/** Whether the server takes it: a longer frame would end the socket. */
function isTaken(sdp = ''): boolean {
  const frame = JSON.stringify(sdp).length + RESERVE
  return sdp.length + RESERVE <= LIMITS.SDP_LEN_MAX && frame <= LIMITS.FRAME_LEN_MAX
}

function tooLarge(): CarillonError {
  const msg = 'the answer to what the room offers is larger than the server takes: look at fewer'
  return new CarillonError({ ...errorBody('E_TOO_LARGE', msg), field: 'sdp' })
}

const SIDE_MAX = 65_535

/** As the server takes it: whole pixels, each once, no more than it shows. */
function wellFormed(views: readonly RoomView[]): readonly RoomView[] {
  const side = (pixels: number) => Math.min(Math.max(Math.round(pixels) || 1, 1), SIDE_MAX)
  const each = new Map<string, RoomView>()
  for (const { participant, source, width, height } of views) {
    const key = keyOf({ participant, source })
    const view = { participant, source, width: side(width), height: side(height) }
    if (!each.has(key) && each.size < LIMITS.VIEWS_MAX) each.set(key, view)
  }
  return [...each.values()]
}
