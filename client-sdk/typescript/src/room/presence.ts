/**
 * Being in a room: follows the log, keeps the connections, comes back.
 *
 * Every way of losing a connection ends in one of two: it is restarted, or the room is joined again
 * as the same participant. `Watch` decides; nothing else here makes connections.
 */

import type { Client } from '../client.ts'
import { after, now, type Timer } from '../clock.ts'
import { CarillonError, errorBody, local, reasonOf } from '../error.ts'
import type { Connection, Update } from '../events.ts'
import type {
  Ephemeral,
  EphemeralData,
  Event,
  EventData,
  Gone,
  RoomId,
  RoomJoined,
  RoomParticipant,
  RoomParticipantId,
  RoomSource,
  RoomView,
} from '../protocol.ts'
import { Connections } from './connections.ts'
import type { MeetingState, MeetingUpdate } from './news.ts'
import { Watch } from './reconnect.ts'
import { type Change, find, type Held, held, Roster } from './roster.ts'
import type { Ask, Rtc } from './rtc.ts'
import { Sends } from './sends.ts'
import { type Quality, quality } from './stats.ts'

/** A gap of the roster may close by itself; after so long the room is asked for. */
const GAP_MS = 500

/** People sit and wait: the client tries to connect again after so long at most, less by chance. */
const HURRY_MS = 2_000

/** What a meeting needs of a client. */
export type MeetingClient = Pick<Client, 'call' | 'listen' | 'connection' | 'reconnect'>

/** Somebody's presence in a room. */
export class Presence {
  readonly sends: Sends
  state: MeetingState = { state: 'connecting' }
  me: RoomParticipantId | undefined
  connections: Connections | undefined
  speaking: readonly RoomParticipantId[] = []
  quality: Quality = 'good'
  readonly #client: MeetingClient
  readonly #room: RoomId
  readonly #rtc: Rtc
  readonly #tell: (update: MeetingUpdate) => void
  readonly #roster = new Roster()
  /** What who waits is shown: it is no room that events could be added to. */
  #door: Held | undefined
  readonly #watch = new Watch()
  /** Ends what is asked of the server when the meeting ends. */
  readonly #life = new AbortController()
  /** Ends what is asked about the connections when they do. */
  #calls = new AbortController()
  #views: readonly RoomView[] = []
  /** The room is being joined. */
  #entering = true
  #wasConnected = false
  #refreshing = false
  #timer: Timer | undefined
  #hurry: Timer | undefined
  #stop: () => void = () => {}

  constructor(
    client: MeetingClient,
    room: RoomId,
    rtc: Rtc,
    tell: (update: MeetingUpdate) => void,
  ) {
    this.#client = client
    this.#room = room
    this.#rtc = rtc
    this.#tell = tell
    this.sends = new Sends({
      tell: (source, publication) => {
        const participant = this.me ?? ''
        const more = publication && { publication }
        const { signal } = this.#life
        return client.call('room.publish', { participant, source, ...more }, { signal })
      },
      lost: () => this.#lost(),
      changed: () => tell({ kind: 'sending' }),
      muted: source => tell({ kind: 'muted', source }),
    })
  }

  get held(): Held {
    const known = this.#roster.held ?? this.#door
    if (!known) throw new Error('the room is not known before joinRoom resolves')
    return known
  }

  get #left(): boolean {
    return this.state.state === 'left'
  }

  /** Comes in for the first time. */
  async enter(participant: RoomParticipantId | undefined): Promise<void> {
    // Before the room is asked for: what happens between the answer and later is not missed.
    this.#stop = this.#client.listen(update => this.#hear(update))
    try {
      const joined = await this.#join(participant)
      this.#entered(joined, 'first')
    } catch (thrown) {
      this.finish({ state: 'left', reason: 'refused', error: asError(thrown) })
      throw thrown
    }
  }

  async #join(participant: RoomParticipantId | undefined): Promise<RoomJoined> {
    const { signal } = this.#life
    const room = this.#room
    try {
      const as = participant !== undefined && { participant }
      return await this.#client.call('room.join', { room, ...as }, { signal })
    } catch (thrown) {
      // The place was given up meanwhile: there is another one.
      if (participant === undefined || asError(thrown).code !== 'E_NOT_FOUND') throw thrown
      return this.#client.call('room.join', { room }, { signal })
    }
  }

  /** Comes back, with new connections. */
  async #enterAgain(): Promise<void> {
    if (this.#entering || this.#left) return
    this.#entering = true
    this.#drop()
    this.sends.detach()
    this.#settle()
    try {
      const joined = await this.#join(this.me)
      if (this.#left) return
      this.#entered(joined, joined.participant === this.me ? 'same' : 'new')
    } catch (thrown) {
      const error = asError(thrown)
      const isOver = error.code === 'E_CONFLICT'
      this.finish({
        state: 'left',
        ...(isOver ? { reason: 'ended' } : { reason: 'refused', error }),
      })
    }
  }

  #entered(joined: RoomJoined, place: 'first' | 'same' | 'new'): void {
    this.#entering = false
    this.me = joined.participant
    const waits = joined.offer === undefined
    if (waits) this.#door = held(joined.room)
    const changes = waits ? [] : this.#roster.replace(joined.room)
    if (this.self) this.sends.entered(this.self, place)
    this.#changed(changes)
    if (this.#left) return
    if (joined.offer === undefined) {
      this.#change({ state: 'waiting' })
      return
    }
    this.#connect(joined.ice_servers, joined.offer)
    if (this.#client.connection.state !== 'online') this.#watch.online(false, now())
    this.#mend()
  }

  get self(): RoomParticipant | undefined {
    return find(this.held, this.me)
  }

  #connect(iceServers: RoomJoined['ice_servers'], offer: string): void {
    this.#drop()
    const { signal } = this.#calls
    const ask: Ask = (op, args) => this.#client.call(op, args, { signal })
    const entrance = { rtc: this.#rtc, participant: this.me ?? '', iceServers, offer, ask }
    this.connections = new Connections(entrance, this.#views, {
      state: (which, state) => {
        this.#watch.state(which, state, now())
        this.#mend()
      },
      flow: (which, flows) => {
        if (flows) this.#watch.heard(which)
        else this.#watch.silent(which, now())
        this.#mend()
      },
      looked: stats => {
        const next = quality(stats)
        if (next === this.quality) return
        this.quality = next
        this.#tell({ kind: 'quality', quality: next })
      },
      tracks: () => this.#tell({ kind: 'tracks' }),
      failed: () => this.#lost(),
      published: (participant, source) => this.published(participant, source),
      spoken: () => this.speaking.some(id => id !== this.me && this.#heard(id)),
    })
    this.#watch.joined(now())
    this.sends.attach(this.connections.publisher)
    this.#tell({ kind: 'tracks' })
  }

  /** Whether somebody sends this. */
  published(participant: RoomParticipantId, source: RoomSource): boolean {
    return find(this.held, participant)?.publications?.[source] !== undefined
  }

  #heard(participant: RoomParticipantId): boolean {
    const microphone = find(this.held, participant)?.publications?.microphone
    return microphone !== undefined && !microphone.muted
  }

  look(views: readonly RoomView[]): void {
    this.#views = [...views]
    this.connections?.subscriber.look(this.#views)
  }

  /** Ends the connections, and what was asked about them. */
  #drop(): void {
    this.connections?.close()
    this.connections = undefined
    this.#watch.rest()
    this.#calls.abort(local('E_OFFLINE', 'the connections of the meeting are made anew'))
    this.#calls = new AbortController()
  }

  /** The server does not know the connections any more. */
  #lost(): void {
    this.#watch.lost(now())
    this.#mend()
  }

  /** Does what is due for the connections, and says how they are. */
  #mend(): void {
    clearTimeout(this.#timer)
    if (this.#left) return
    for (const repair of this.#watch.tick(now())) {
      if (repair === 'join') void this.#enterAgain()
      else this.connections?.restart(repair)
    }
    this.#settle()
    const due = this.#watch.due()
    if (due !== undefined) this.#timer = after(due - now(), () => this.#mend())
  }

  #settle(): void {
    if (this.#left || (this.state.state === 'waiting' && !this.connections)) return
    if (this.#watch.whole) {
      this.#wasConnected = true
      this.#change({ state: 'connected' })
    } else {
      this.#change({ state: this.#wasConnected ? 'reconnecting' : 'connecting' })
    }
  }

  #change(state: MeetingState): void {
    if (this.#left || this.state.state === state.state) return
    this.state = state
    this.#tell({ kind: 'state', state })
  }

  /** Ends the presence for good; the server is not told. */
  finish(state: MeetingState & { state: 'left' }): void {
    if (this.#left) return
    clearTimeout(this.#timer)
    clearTimeout(this.#hurry)
    this.#stop()
    this.#drop()
    const error = local('E_STOPPED', 'the meeting was left')
    this.sends.end(error)
    this.#life.abort(error)
    this.#change(state)
  }

  #hear(update: Update): void {
    if (update.kind === 'event') this.#event(update.event)
    else if (update.kind === 'ephemeral') this.#ephemeral(update.ephemeral)
    else if (update.kind === 'connection') this.#connection(update.connection)
    else if (update.kind === 'reset' && update.topic === this.#topic) void this.#refresh(true)
    else if (update.kind === 'gone' && update.topic === this.#topic) this.#lost()
  }

  get #topic(): string {
    return `x:room:${this.#room}`
  }

  #event(event: Event): void {
    if (event.k === 'room.admitted') {
      const { room, participant, admitted } = event.data as EventData['room.admitted']
      if (room !== this.#room || participant !== this.me) return
      if (this.state.state === 'waiting' && admitted) void this.#enterAgain()
      else if (!admitted) this.finish({ state: 'left', reason: 'kicked' })
    }
    if (event.topic !== this.#topic) return
    const before = this.#roster.held
    const changes = this.#roster.take(event)
    if (this.#roster.held !== before) this.#changed(changes)
    if (this.#roster.gap) this.#refreshSoon()
    // Another server carries the room, and knows nobody's connections. Whoever has joined it since
    // has this event in the roster that they were given.
    if (event.k === 'room.moved' && this.#roster.held !== before) this.#lost()
  }

  #ephemeral({ k, topic, data }: Ephemeral): void {
    if (k === 'room.wanted') {
      const { participant, source, layers } = data as EphemeralData['room.wanted']
      if (participant === this.me) this.connections?.publisher.wanted(source, layers)
    }
    if (topic !== this.#topic) return
    if (k === 'room.speaking') {
      this.speaking = (data as EphemeralData['room.speaking']).speaking
      this.#tell({ kind: 'speaking' })
    } else if (k === 'room.reaction') {
      this.#tell({ kind: 'reaction', ...(data as EphemeralData['room.reaction']) })
    }
  }

  #connection(connection: Connection): void {
    if (connection.state === 'ended') {
      this.finish({ state: 'left', reason: 'refused', error: connection.error })
      return
    }
    this.#watch.online(connection.state === 'online', now())
    clearTimeout(this.#hurry)
    if (connection.state === 'offline') {
      const wait = HURRY_MS * (1 - Math.random() / 2)
      this.#hurry = after(wait, () => this.#client.reconnect())
    }
    if (connection.state === 'online') {
      // Another server, or the same one anew, may not know the connections.
      this.connections?.subscriber.probe()
      if (this.state.state === 'waiting') void this.#enterAgain()
    }
    this.#mend()
  }

  /** The roster was moved on. */
  #changed(changes: Change[]): void {
    if (this.me === undefined) return
    this.#tell({ kind: 'roster' })
    for (const change of changes) this.#news(change)
    this.connections?.subscriber.rosterChanged()
  }

  #news(change: Change): void {
    if (this.#left) return
    if (change.kind === 'ended') {
      this.finish({ state: 'left', reason: 'ended' })
    } else if (change.participant.participant !== this.me) {
      if (change.kind !== 'changed') this.#tell(change)
    } else if (change.kind === 'left') {
      this.#put(change.gone)
    } else {
      this.sends.told(change.participant)
    }
  }

  /** The caller is not in the room any more, says the log. */
  #put(gone: Gone): void {
    // Who is here was not lost: who slept for long comes back to a new place.
    if (gone === 'lost') void this.#enterAgain()
    else this.finish({ state: 'left', reason: gone })
  }

  #refreshSoon(): void {
    if (this.#refreshing || !this.#roster.held) return
    this.#refreshing = true
    after(GAP_MS, () => {
      this.#refreshing = false
      if (this.#roster.gap && !this.#left) void this.#refresh(false)
    })
  }

  /** Asks for what events are missing came to. */
  async #refresh(anew: boolean): Promise<void> {
    this.#refreshing = true
    try {
      const { signal } = this.#life
      const room = await this.#client.call('room.get', { room: this.#room }, { signal })
      this.#refreshing = false
      this.#changed(this.#roster.replace(room, anew))
      if (this.self) this.sends.entered(this.self, 'same')
      else this.#lost()
      if (room.phase === 'ended') this.finish({ state: 'left', reason: 'ended' })
      if (this.#roster.gap) this.#refreshSoon()
    } catch {
      // What refuses this says why when the room is joined again.
      this.#refreshing = false
      this.#lost()
    }
  }
}

function asError(thrown: unknown): CarillonError {
  if (thrown instanceof CarillonError) return thrown
  return new CarillonError(errorBody('E_UNAVAILABLE', reasonOf(thrown)), thrown)
}
