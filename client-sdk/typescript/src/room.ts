/** A meeting as a program holds it. */

import { CarillonError, errorBody } from './error.ts'
import type {
  RoomHead,
  RoomId,
  RoomParticipant,
  RoomParticipantId,
  RoomRole,
  RoomSource,
  RoomUpdate,
  RoomView,
} from './protocol.ts'
import type { MeetingState, MeetingUpdate } from './room/news.ts'
import { type MeetingClient, Presence } from './room/presence.ts'
import type { Rtc } from './room/rtc.ts'
import type { Sending } from './room/sends.ts'
import type { MeetingStats, Quality } from './room/stats.ts'

/** How a meeting is entered. */
export interface MeetingOptions {
  /** The place in the room to come back to: what `me` was before the page was loaded again. */
  participant?: RoomParticipantId
  /** Gives up: whoever is let in after all leaves at once. */
  signal?: AbortSignal
  /** The WebRTC to use, where the platform has none. */
  rtc?: Rtc
}

/**
 * Enters a room, or knocks if people wait there to be let in. Resolves as soon as the server has
 * answered; sound and pictures follow (`state`).
 *
 * @throws {CarillonError} `E_FORBIDDEN` if the room is locked or one was put out, `E_CONFLICT` if
 * it is over, `E_QUOTA` if it is full, `E_NOT_FOUND` if there is none; `E_BAD_ARG` if the platform
 * has no WebRTC. A server that is busy or cannot be reached is asked for long: who cannot wait
 * brings a `signal`, and gets its reason.
 */
export async function joinRoom(
  client: MeetingClient,
  room: RoomId,
  options: MeetingOptions = {},
): Promise<MeetingRoom> {
  const { participant, signal } = options
  signal?.throwIfAborted()
  const meeting = new MeetingRoom(client, room, options.rtc ?? platformRtc())
  // What is given up then is nobody's any more.
  const onAbort = () => void meeting.leave().catch(() => {})
  signal?.addEventListener('abort', onAbort)
  try {
    await meeting.enter(participant)
    return meeting
  } finally {
    signal?.removeEventListener('abort', onAbort)
    signal?.throwIfAborted()
  }
}

function platformRtc(): Rtc {
  const rtc: Partial<Rtc> = globalThis
  const { RTCPeerConnection, MediaStream } = rtc
  if (RTCPeerConnection && MediaStream) return { RTCPeerConnection, MediaStream }
  const msg = 'this platform has no WebRTC: bring one, as of @roamhq/wrtc'
  throw new CarillonError({ ...errorBody('E_BAD_ARG', msg), field: 'rtc' })
}

/**
 * A meeting: who is in it, what one sends, sees and hears. It comes back by itself, to the same
 * place and with the same tracks, whatever happens to the connections.
 */
export class MeetingRoom {
  readonly id: RoomId
  readonly #client: MeetingClient
  readonly #presence: Presence
  readonly #listeners = new Set<(update: MeetingUpdate) => void>()
  /** Takes no notice of the page any more. */
  #forgetPage: () => void = () => {}

  /** For `joinRoom`. */
  constructor(client: MeetingClient, id: RoomId, rtc: Rtc) {
    this.#client = client
    this.id = id
    this.#presence = new Presence(client, id, rtc, update => this.#tell(update))
  }

  /** For `joinRoom`. */
  async enter(participant: RoomParticipantId | undefined): Promise<void> {
    // What is sent now still arrives; whether it did, nobody is there to hear.
    this.#forgetPage = onPageHide(() => void this.leave().catch(() => {}))
    await this.#presence.enter(participant)
  }

  #tell(update: MeetingUpdate): void {
    if (update.kind === 'state' && update.state.state === 'left') this.#forgetPage()
    for (const listener of this.#listeners) {
      try {
        listener(update)
      } catch (thrown) {
        // A fault of the program, and reported as every other of its faults.
        queueMicrotask(() => {
          throw thrown
        })
      }
    }
  }

  /** Where the caller is on the way in and out. */
  get state(): MeetingState {
    return this.#presence.state
  }

  /**
   * Whether the server is there but sound and pictures did not come about for 20 s: the network may
   * let them through nowhere. It is tried on and on.
   */
  get stuck(): boolean {
    return this.#presence.stuck
  }

  /** The room without the people in it. */
  get room(): RoomHead {
    return this.#presence.held.head
  }

  /** Everybody in the room, in the order in which they came; a new array after each change. */
  get participants(): readonly RoomParticipant[] {
    return this.#presence.held.participants
  }

  /** The caller's place in the room. */
  get me(): RoomParticipantId {
    const { me } = this.#presence
    if (me === undefined) throw new Error('who this is in the room is not known before joinRoom')
    return me
  }

  /** The caller as the others see them; `undefined` once they are not in the room any more. */
  get self(): RoomParticipant | undefined {
    return this.#presence.self
  }

  /** Who is heard now, the loudest first; a new array after each change. */
  get speaking(): readonly RoomParticipantId[] {
    return this.#presence.speaking
  }

  /**
   * Whose cameras are on and looked at, and no picture of them has come for some seconds: their
   * network is away, or the caller's own carries no more. A new array after each change.
   */
  get still(): readonly RoomParticipantId[] {
    return this.#presence.connections?.still ?? []
  }

  /** How the meeting is carried, of late. */
  get quality(): Quality {
    return this.#presence.quality
  }

  /** What the caller sends; a new map after each change. */
  get sending(): ReadonlyMap<RoomSource, Sending> {
    return this.#presence.sends.all
  }

  /**
   * Everything that is to be heard: one stream of all voices, another after the connection was made
   * anew. `undefined` before there is one.
   */
  get audio(): MediaStream | undefined {
    return this.#presence.connections?.subscriber.audio
  }

  /** Calls a function with every update, at once and in order. Returns how to stop. */
  listen(listener: (update: MeetingUpdate) => void): () => void {
    const own = (update: MeetingUpdate) => listener(update)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /**
   * Sends a track, in place of what was sent of this source. The track stays the caller's, who
   * stops it. Resolves when the others were told.
   *
   * @throws {CarillonError} `E_FORBIDDEN` if the room's rules do not allow it: nothing is sent;
   * `E_BAD_ARG` if the track is of the wrong kind.
   */
  publish(source: RoomSource, track: MediaStreamTrack, how = { muted: false }): Promise<void> {
    return this.#presence.sends.publish(source, track, how.muted)
  }

  /** Sends nothing of a source for now: it stays published, as muted, and nothing leaves. */
  mute(source: RoomSource): Promise<void> {
    return this.#presence.sends.mute(source)
  }

  /**
   * Sends again what was muted; of another track, if the first one was stopped meanwhile.
   *
   * @throws {CarillonError} as `publish`; also if the source was never published.
   */
  unmute(source: RoomSource, track?: MediaStreamTrack): Promise<void> {
    return this.#presence.sends.unmute(source, track)
  }

  /** Sends another track, as of another camera: muted stays muted, and nobody is told. */
  replace(source: RoomSource, track: MediaStreamTrack): Promise<void> {
    return this.#presence.sends.replace(source, track)
  }

  /** Sends a source no more. */
  unpublish(source: RoomSource): Promise<void> {
    return this.#presence.sends.unpublish(source)
  }

  /**
   * Says what is on the screen, the most important first, with sizes in pixels of the device; at
   * most 49. Cheap: the server is told of changes only, at most ten times a second.
   */
  setViews(views: readonly RoomView[]): void {
    this.#presence.look(views)
  }

  /**
   * The picture of somebody who is in the views; `undefined` until it has a place among those that
   * are received (`tracks` is told). The same track shows somebody else later.
   */
  trackOf(participant: RoomParticipantId, source: RoomSource): MediaStreamTrack | undefined {
    if (!this.#presence.published(participant, source)) return undefined
    return this.#presence.connections?.subscriber.trackOf(participant, source)
  }

  /** How the meeting is carried, of the last seconds; `undefined` while nothing connects. */
  async stats(): Promise<MeetingStats | undefined> {
    return this.#presence.connections?.stats()
  }

  /** Raises or lowers a hand: one's own, or as a moderator somebody's. */
  async raiseHand(raised: boolean, participant = this.me): Promise<void> {
    await this.#client.call('room.raise_hand', { participant, raised })
  }

  /** Shows everybody an emoji for a moment. */
  async react(emoji: string): Promise<void> {
    await this.#client.call('room.react', { participant: this.me, emoji })
  }

  /** Mutes somebody, or all but those who moderate; for moderators. */
  async muteOther(participant: RoomParticipantId | undefined, source: RoomSource): Promise<void> {
    const whom = participant !== undefined && { participant }
    await this.#client.call('room.mute', { room: this.id, source, ...whom })
  }

  /** Lets somebody in who waits, or turns them away; for moderators. */
  async admit(participant: RoomParticipantId, admit: boolean): Promise<void> {
    await this.#client.call('room.admit', { participant, admit })
  }

  /** Puts somebody out for good; for moderators. */
  async kick(participant: RoomParticipantId): Promise<void> {
    await this.#client.call('room.kick', { participant })
  }

  /** Makes somebody a moderator, or a member again; for hosts. */
  async setRole(participant: RoomParticipantId, role: RoomRole): Promise<void> {
    await this.#client.call('room.role', { participant, role })
  }

  /** Changes the title, the time or the rules; for moderators. What is absent stays. */
  async update(change: Omit<RoomUpdate, 'room'>): Promise<void> {
    await this.#client.call('room.update', { ...change, room: this.id })
  }

  /** Ends the room for everybody; for moderators. */
  async end(): Promise<void> {
    await this.#client.call('room.end', { room: this.id })
  }

  /**
   * Leaves. Nothing is sent or received any more when this returns; it resolves when the others
   * were told. If the server cannot be reached within 5 s, it finds out by itself.
   */
  leave(): Promise<void> {
    return this.#presence.leave()
  }
}

/** Calls when the page goes away for good. Returns how to stop; Node has no pages. */
function onPageHide(hidden: () => void): () => void {
  if (typeof globalThis.addEventListener !== 'function') return () => {}
  const onHide = (event: PageTransitionEvent) => {
    if (!event.persisted) hidden()
  }
  globalThis.addEventListener('pagehide', onHide)
  return () => globalThis.removeEventListener('pagehide', onHide)
}
