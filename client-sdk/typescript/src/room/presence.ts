/**
 * Being in a room: follows the log, keeps the connections, comes back.
 *
 * Every way of losing a connection ends in one of two: it is restarted, or the room is joined again
 * as the same participant. `Watch` decides; nothing else here makes connections.
 */

import type { Client } from '../client.ts'
import { after, now, type Timer } from '../clock.ts'
import { type CarillonError, local } from '../error.ts'
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
import { asError, Entry } from './entry.ts'
import { Gap } from './gap.ts'
import type { MeetingState, MeetingUpdate } from './news.ts'
import { TRY_MS, Watch } from './reconnect.ts'
import { type Change, find, type Held, held, isSent, Roster } from './roster.ts'
import type { Ask, Rtc } from './rtc.ts'
import { Sends } from './sends.ts'
import { type Quality, quality } from './stats.ts'

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
  /** The server is there, and the connections do not come about. */
  stuck = false
  readonly #client: MeetingClient
  readonly #room: RoomId
  readonly #rtc: Rtc
  readonly #entry: Entry
  /** The place to come back to, until there is an answer. */
  #wished: RoomParticipantId | undefined
  readonly #tell: (update: MeetingUpdate) => void
  readonly #roster = new Roster()
  readonly #gap: Gap
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
    this.#entry = new Entry(client, room)
    this.#tell = tell
    const { signal } = this.#life
    this.#gap = new Gap(this.#roster, {
      ask: () => client.call('room.get', { room }, { signal }),
      closed: (room, changes) => {
        this.#changed(changes)
        if (this.self) this.sends.entered(this.self, 'same')
        else this.#lost()
        if (room.phase === 'ended') this.finish({ state: 'left', reason: 'ended' })
      },
      failed: () => this.#lost(),
      over: () => this.#left,
    })
    this.sends = new Sends({
      tell: (source, publication) => {
        const participant = this.me ?? ''
        const more = publication && { publication }
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
    this.#wished = participant
    try {
      const joined = await this.#entry.join(participant)
      if (this.#left) throw local('E_STOPPED', 'the meeting was left')
      this.#entered(joined, 'first')
    } catch (thrown) {
      this.finish({ state: 'left', reason: 'refused', error: asError(thrown) })
      throw thrown
    }
  }

  /** Comes back, with new connections. */
  async #enterAgain(): Promise<void> {
    if (this.#entering || this.#left) return
    this.#entering = true
    this.#drop()
    this.sends.detach()
    this.#speaks([])
    this.#settle()
    try {
      const joined = await this.#entry.join(this.me, TRY_MS)
      if (this.#left) return
      this.#entered(joined, joined.participant === this.me ? 'same' : 'new')
    } catch (thrown) {
      this.#entering = false
      this.#refused(asError(thrown))
    }
  }

  /** The place is kept for longer than most troubles of a server last. */
  #refused(error: CarillonError): void {
    if (error.code === 'E_CONFLICT') this.finish({ state: 'left', reason: 'ended' })
    else if (error.retry === 'no' || error.retry === 'upgrade') {
      this.finish({ state: 'left', reason: 'refused', error })
    } else {
      this.#watch.vain(now())
      this.#mend()
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
      looked: stats => this.#looked(quality(stats)),
      tracks: () => this.#tell({ kind: 'tracks' }),
      failed: () => this.#lost(),
      published: (participant, source) => this.published(participant, source),
      spoken: () => this.speaking.some(id => id !== this.me && isSent(this.held, id, 'microphone')),
      sent: (participant, source) => isSent(this.held, participant, source),
      still: () => this.#tell({ kind: 'still' }),
    })
    this.#watch.joined(now())
    this.sends.attach(this.connections.publisher)
    this.#tell({ kind: 'tracks' })
  }

  #looked(quality: Quality): void {
    if (quality === this.quality) return
    this.quality = quality
    this.#tell({ kind: 'quality', quality })
  }

  /** Whether somebody sends this. */
  published(participant: RoomParticipantId, source: RoomSource): boolean {
    return find(this.held, participant)?.publications?.[source] !== undefined
  }

  look(views: readonly RoomView[]): void {
    this.#views = views
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
    if (this.stuck !== this.#watch.stuck) {
      this.stuck = this.#watch.stuck
      this.#tell({ kind: 'stuck' })
    }
    const due = this.#watch.due()
    if (due !== undefined) this.#timer = after(due - now(), () => this.#mend())
  }

  #settle(): void {
    if (this.#left || (this.state.state === 'waiting' && !this.connections)) return
    this.#wasConnected ||= this.#watch.whole
    const away = this.#wasConnected ? 'reconnecting' : 'connecting'
    this.#change({ state: this.#watch.whole ? 'connected' : away })
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
    this.#entry.end(error)
    this.#life.abort(error)
    this.#change(state)
  }

  /** Ends the presence, and tells the server; in vain if it cannot be reached for 5 s. */
  async leave(): Promise<void> {
    if (this.#left) return
    this.finish({ state: 'left', reason: 'left' })
    await this.#entry.leave(this.me ?? this.#wished)
  }

  #hear(update: Update): void {
    if (update.kind === 'event') this.#event(update.event)
    else if (update.kind === 'ephemeral') this.#ephemeral(update.ephemeral)
    else if (update.kind === 'connection') this.#connection(update.connection)
    else if (update.kind === 'reset' && update.topic === this.#topic) void this.#gap.close(true)
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
      else if (!admitted) void this.#turnedAway()
    }
    if (event.topic !== this.#topic) return
    const before = this.#roster.held
    const changes = this.#roster.take(event)
    if (this.#roster.held !== before) this.#changed(changes)
    if (this.#roster.gap) this.#gap.soon()
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
      this.#speaks((data as EphemeralData['room.speaking']).speaking)
    } else if (k === 'room.reaction') {
      this.#tell({ kind: 'reaction', ...(data as EphemeralData['room.reaction']) })
    }
  }

  #speaks(speaking: readonly RoomParticipantId[]): void {
    if (speaking.length === 0 && this.speaking.length === 0) return
    this.speaking = speaking
    this.#tell({ kind: 'speaking' })
  }

  /** The knock was answered with no: by somebody, or by the end of the room. */
  async #turnedAway(): Promise<void> {
    const { signal } = this.#life
    const asked = this.#client.call('room.get', { room: this.#room }, { signal })
    const phase = await asked.then(room => room.phase).catch(() => undefined)
    this.finish({ state: 'left', reason: phase === 'ended' ? 'ended' : 'denied' })
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
}
