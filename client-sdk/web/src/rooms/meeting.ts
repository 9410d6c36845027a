/** A meeting that the person is in: what the SDK tells of it, as components show it. */

import type {
  Client,
  Gone,
  RoomHead,
  RoomId,
  RoomParticipant,
  RoomParticipantId,
  RoomSource,
} from '@carillon/client'
import {
  joinRoom,
  type MeetingRoom,
  type MeetingState,
  type MeetingUpdate,
  openScreen,
  type Quality,
  type Sending,
} from '@carillon/client/rooms'
import { createStore } from 'zustand/vanilla'
import { type Trouble, troubleOf } from './devices.ts'
import { type Happening, Happenings } from './happenings.ts'
import { forgetPlace, keepPlace } from './place.ts'

export interface MeetingView {
  readonly state: MeetingState
  readonly head: RoomHead
  readonly participants: readonly RoomParticipant[]
  readonly speaking: readonly RoomParticipantId[]
  readonly sending: ReadonlyMap<RoomSource, Sending>
  readonly quality: Quality
  /** Counts the changes of what is seen and heard. */
  readonly tracks: number
  /** What has just happened, the oldest first. */
  readonly happenings: readonly Happening[]
  /** Why a device that was asked for does not work. */
  readonly trouble: { source: RoomSource; trouble: Trouble } | undefined
  /** What the server refused last. */
  readonly refused: unknown
}

/** What is sent from the first moment on. */
export interface Taken {
  readonly microphone: MediaStreamTrack | undefined
  readonly camera: MediaStreamTrack | undefined
}

export class Meeting {
  readonly id: RoomId
  readonly room: MeetingRoom
  readonly view
  readonly #happenings: Happenings

  constructor(room: MeetingRoom) {
    this.id = room.id
    this.room = room
    this.view = createStore<MeetingView>(() => ({
      state: room.state,
      head: room.room,
      participants: room.participants,
      speaking: room.speaking,
      sending: room.sending,
      quality: room.quality,
      tracks: 0,
      happenings: [],
      trouble: undefined,
      refused: undefined,
    }))
    this.#happenings = new Happenings(happenings => this.view.setState({ happenings }))
    room.listen(update => this.#heard(update))
    this.#remember()
  }

  /** Enters a room with what is open; with `place`, as who one was there before. */
  static async enter(
    client: Client,
    id: RoomId,
    taken: Taken,
    place?: RoomParticipantId,
  ): Promise<Meeting> {
    const room = await joinRoom(client, id, place === undefined ? {} : { participant: place })
    const meeting = new Meeting(room)
    // Who waits to be let in sends it then.
    const { microphone, camera } = taken
    if (microphone) void meeting.try(() => room.publish('microphone', microphone))
    if (camera) void meeting.try(() => room.publish('camera', camera))
    return meeting
  }

  /** Does something of the room; what the server says against it is shown. */
  async try(deed: () => Promise<unknown>): Promise<void> {
    try {
      await deed()
      this.view.setState({ refused: undefined })
    } catch (refused) {
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
    let track: MediaStreamTrack
    try {
      track = await open()
    } catch (error) {
      this.view.setState({ trouble: { source, trouble: troubleOf(error) } })
      return
    }
    this.view.setState({ trouble: undefined })
    await this.try(() =>
      known ? this.room.unmute(source, track) : this.room.publish(source, track),
    )
  }

  /** Sends silence, or no picture: the light of the camera goes out. */
  async pause(source: 'microphone' | 'camera'): Promise<void> {
    await this.try(() => this.room.mute(source))
  }

  /** Goes on with another device, if this one is in use. */
  async change(
    source: 'microphone' | 'camera',
    open: () => Promise<MediaStreamTrack>,
  ): Promise<void> {
    const before = this.room.sending.get(source)
    if (!before || (before.muted && source === 'camera')) return
    try {
      await this.room.replace(source, await open())
    } catch (error) {
      this.view.setState({ trouble: { source, trouble: troubleOf(error) } })
    }
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
    } else if (update.kind === 'tracks') {
      view.setState({ tracks: view.getState().tracks + 1 })
    } else if (update.kind === 'sending') {
      this.#sends(view.getState().sending)
    } else if (update.kind === 'quality') {
      view.setState({ quality: room.quality })
    } else if (update.kind !== 'muted' || update.source !== 'screen_audio') {
      // The sound of a screen ends with the screen, which is told.
      this.#happenings.add(update)
    }
  }

  /** Closes what is not sent any more, whoever has decided that: the light of a camera goes out. */
  #sends(before: ReadonlyMap<RoomSource, Sending>): void {
    const { sending } = this.room
    for (const [source, { track }] of before) {
      const now = sending.get(source)
      // A microphone stays open: who is muted wants to be heard with the next word.
      const isOpen = now?.track === track && (source === 'microphone' || !now.muted)
      if (!isOpen) track.stop()
    }
    for (const [source, { track }] of sending) {
      if (before.get(source)?.track !== track) track.onended = () => void this.#ended(source)
    }
    this.view.setState({ sending })
    this.#remember()
  }

  /** A device was unplugged, or the browser's own button for a shared screen was pressed. */
  async #ended(source: RoomSource): Promise<void> {
    if (source !== 'microphone' && source !== 'camera') return this.unshare()
    this.view.setState({ trouble: { source, trouble: 'missing' } })
    await this.pause(source)
  }

  #over(reason: Gone | 'refused'): void {
    // A page that is loaded again has left too, and is to come back.
    if (reason !== 'left') forgetPlace()
    for (const { track } of this.view.getState().sending.values()) track.stop()
  }

  /** A page that is loaded again comes back to its place in the room. */
  #remember(): void {
    const on = (source: RoomSource) => this.room.sending.get(source)?.muted === false
    const { id, room } = this
    keepPlace({ room: id, place: room.me, microphone: on('microphone'), camera: on('camera') })
  }
}
