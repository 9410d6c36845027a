/** A meeting that the person is in: what the SDK tells of it, as components show it. */

import type {
  Client,
  RoomHead,
  RoomId,
  RoomParticipant,
  RoomParticipantId,
  RoomSource,
} from '@carillon/client'
import {
  joinRoom,
  type MeetingOptions,
  type MeetingRoom,
  type MeetingState,
  type MeetingUpdate,
  openScreen,
  type Quality,
  type Sending,
} from '@carillon/client/rooms'
import { createStore } from 'zustand/vanilla'
import { open as openDevice, type Trouble, troubleOf } from './devices.ts'
import { type Happening, Happenings } from './happenings.ts'
import { forgetPlace, keepPlace } from './place.ts'

export interface MeetingView {
  readonly state: MeetingState
  readonly head: RoomHead
  readonly participants: readonly RoomParticipant[]
  readonly speaking: readonly RoomParticipantId[]
  /** Whose picture does not come though their camera is on. */
  readonly still: readonly RoomParticipantId[]
  readonly sending: ReadonlyMap<RoomSource, Sending>
  readonly quality: Quality
  /** The server is there, and no sound or picture comes through the network for long. */
  readonly stuck: boolean
  /** What is sent and on, and the system silences for now: a phone call, a shutter. */
  readonly silenced: readonly RoomSource[]
  /** Counts the changes of what is seen and heard. */
  readonly tracks: number
  /** What has just happened, the oldest first. */
  readonly happenings: readonly Happening[]
  /** Why a device that was asked for does not work. */
  readonly trouble: { source: RoomSource; trouble: Trouble } | undefined
  /** What the server refused last. */
  readonly refused: unknown
}

/** So long a refusal stays in any case; then the next deed that is done takes it away. */
const READ_MS = 6_000

/** What is sent from the first moment on. */
export interface Taken {
  readonly microphone: MediaStreamTrack | undefined
  readonly camera: MediaStreamTrack | undefined
}

/** As whom one comes back, and how to give up. */
export type EnterOptions = Pick<MeetingOptions, 'participant' | 'signal'>

export class Meeting {
  readonly id: RoomId
  readonly room: MeetingRoom
  readonly view
  readonly #happenings: Happenings
  /** When the server refused last. */
  #refusedAt = 0

  constructor(room: MeetingRoom) {
    this.id = room.id
    this.room = room
    this.view = createStore<MeetingView>(() => ({
      state: room.state,
      head: room.room,
      participants: room.participants,
      speaking: room.speaking,
      still: room.still,
      sending: room.sending,
      quality: room.quality,
      stuck: room.stuck,
      silenced: [],
      tracks: 0,
      happenings: [],
      trouble: undefined,
      refused: undefined,
    }))
    this.#happenings = new Happenings(happenings => this.view.setState({ happenings }))
    room.listen(update => this.#heard(update))
    this.#remember()
  }

  /** Enters a room with what is open; with `participant`, as who one was there before. */
  static async enter(
    client: Client,
    id: RoomId,
    taken: Taken,
    how: EnterOptions,
  ): Promise<Meeting> {
    const room = await joinRoom(client, id, how)
    const meeting = new Meeting(room)
    for (const source of ['microphone', 'camera'] as const) {
      const track = taken[source]
      // What was unplugged on the way in is not sent. Who waits to be let in sends the rest then.
      if (track?.readyState === 'live') void meeting.try(() => room.publish(source, track))
    }
    return meeting
  }

  /** Does something of the room; what the server says against it is shown. */
  async try(deed: () => Promise<unknown>): Promise<void> {
    try {
      await deed()
      const isRead = Date.now() - this.#refusedAt > READ_MS
      if (isRead) this.view.setState({ refused: undefined })
    } catch (refused) {
      this.#refusedAt = Date.now()
      this.view.setState({ refused })
    }
  }

  /** Forgets what went wrong. */
  clear(): void {
    this.view.setState({ refused: undefined, trouble: undefined })
  }

  /** Begins to send from a device, or goes on. */
  async start(
    source: 'microphone' | 'camera',
    open: () => Promise<MediaStreamTrack>,
  ): Promise<void> {
    const known = this.room.sending.get(source)
    if (source === 'microphone' && known?.track.readyState === 'live') {
      return this.try(() => this.room.unmute(source))
    }
    const track = await this.#opened(source, open)
    if (!track) return
    await this.try(() => this.room.publish(source, track))
  }

  /** What the person was asked for; nothing if it cannot be had, or comes after they have left. */
  async #opened(
    source: 'microphone' | 'camera',
    open: () => Promise<MediaStreamTrack>,
  ): Promise<MediaStreamTrack | undefined> {
    try {
      const track = await open()
      if (this.#isOver) {
        track.stop()
        return undefined
      }
      this.view.setState({ trouble: undefined })
      return track
    } catch (error) {
      this.view.setState({ trouble: { source, trouble: troubleOf(error) } })
      return undefined
    }
  }

  /** Sends silence, or no picture: the light of the camera goes out. */
  async pause(source: 'microphone' | 'camera'): Promise<void> {
    if (this.#isOver || !this.#isOn(source)) return
    await this.try(() => this.room.mute(source))
  }

  /** Goes on with another device, if this one is in use. */
  async change(
    source: 'microphone' | 'camera',
    open: () => Promise<MediaStreamTrack>,
  ): Promise<void> {
    if (!this.#isOpen(source)) return
    const track = await this.#opened(source, open)
    if (!track) return
    // Meanwhile it may have been switched off, by whomever.
    if (this.#isOpen(source)) await this.try(() => this.room.replace(source, track))
    else track.stop()
  }

  /** Shows the screen or a window; the person chooses it, or thinks better of it. */
  async share(): Promise<void> {
    let shared: Awaited<ReturnType<typeof openScreen>>
    try {
      shared = await openScreen(true)
    } catch (error) {
      const trouble = troubleOf(error)
      // Who closes the browser's question has said no, which needs no word.
      if (trouble !== 'denied') this.view.setState({ trouble: { source: 'screen', trouble } })
      return
    }
    const { video, audio } = shared
    // The browser's question stands as long as it likes.
    if (this.#isOver) {
      video.stop()
      audio?.stop()
      return
    }
    if (audio) void this.try(() => this.room.publish('screen_audio', audio))
    await this.try(() => this.room.publish('screen', video))
  }

  async unshare(): Promise<void> {
    for (const source of ['screen_audio', 'screen'] as const) {
      await this.try(() => this.room.unpublish(source))
    }
  }

  /** Leaves, and closes every device. */
  async leave(): Promise<void> {
    forgetPlace()
    await this.try(() => this.room.leave())
  }

  #heard(update: MeetingUpdate): void {
    const { room } = this
    const { view } = this
    if (update.kind === 'state') {
      view.setState({ state: room.state })
      if (room.state.state === 'left') this.#over(room.state.reason)
    } else if (update.kind === 'roster') {
      view.setState({ head: room.room, participants: room.participants })
    } else if (update.kind === 'speaking') {
      view.setState({ speaking: room.speaking })
    } else if (update.kind === 'still') {
      view.setState({ still: room.still })
    } else if (update.kind === 'tracks') {
      view.setState({ tracks: view.getState().tracks + 1 })
    } else if (update.kind === 'sending') {
      this.#sends(view.getState().sending)
    } else if (update.kind === 'quality') {
      view.setState({ quality: room.quality })
    } else if (update.kind === 'stuck') {
      view.setState({ stuck: room.stuck })
    } else if (update.kind !== 'muted' || update.source !== 'screen_audio') {
      // The sound of a screen ends with the screen, which is told.
      this.#happenings.add(update)
    }
  }

  /** Closes what is not sent any more, whoever has decided that: the light of a camera goes out. */
  #sends(before: ReadonlyMap<RoomSource, Sending>): void {
    const { sending } = this.room
    for (const [source, { track }] of before) {
      if (sending.get(source)?.track !== track) track.stop()
    }
    for (const [source, { track }] of sending) {
      if (this.#isOver || !this.#isOpen(source)) track.stop()
      else if (before.get(source)?.track !== track) this.#watch(source, track)
    }
    this.view.setState({ sending })
    this.#hush()
    this.#remember()
  }

  #watch(source: RoomSource, track: MediaStreamTrack): void {
    track.onended = () => void this.#ended(source)
    track.onmute = () => this.#hush()
    track.onunmute = () => this.#hush()
  }

  /** Looks what the system takes away while the person believes it is on. */
  #hush(): void {
    const silenced = [...this.room.sending].flatMap(([source, { track, muted }]) =>
      !muted && track.muted && track.readyState === 'live' ? [source] : [],
    )
    this.view.setState({ silenced })
  }

  /** A device was unplugged, or the browser's own button for a shared screen was pressed. */
  async #ended(source: RoomSource): Promise<void> {
    if (source !== 'microphone' && source !== 'camera') return this.unshare()
    // A headset that runs empty silences nobody in mid-sentence: the next microphone goes on. What
    // another camera would show is for the person to decide.
    if (source === 'microphone' && this.#isOn(source)) {
      await this.change(source, () => openDevice(source))
      if (this.room.sending.get(source)?.track.readyState === 'live') return
    }
    this.view.setState({ trouble: { source, trouble: 'missing' } })
    await this.pause(source)
  }

  get #isOver(): boolean {
    return this.room.state.state === 'left'
  }

  /** Whether something of this source is sent. */
  #isOn(source: RoomSource): boolean {
    return this.room.sending.get(source)?.muted === false
  }

  /** Whether the device is in use: who is muted wants to be heard with the next word. */
  #isOpen(source: RoomSource): boolean {
    return this.#isOn(source) || (source === 'microphone' && this.room.sending.has(source))
  }

  #over(reason: (MeetingState & { state: 'left' })['reason']): void {
    // A page that is loaded again has left too, and is to come back.
    if (reason !== 'left') forgetPlace()
    for (const { track } of this.view.getState().sending.values()) track.stop()
  }

  /** A page that is loaded again comes back to its place in the room. */
  #remember(): void {
    if (this.#isOver) return
    const { id, room } = this
    const microphone = this.#isOn('microphone')
    keepPlace({ room: id, place: room.me, microphone, camera: this.#isOn('camera') })
  }
}
