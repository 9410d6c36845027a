/**
 * A server with one room, as a test plays it: the roster, the log, the slots, and the rules of who
 * may ask what when. What a client must not do is in `faults`.
 */

import { CarillonError, errorBody } from '../../src/error.ts'
import type { Connection, Update } from '../../src/events.ts'
import type {
  ErrorCode,
  Event,
  EventData,
  Gone,
  Operations,
  Room,
  RoomParticipant,
  RoomPublication,
  RoomSlot,
  RoomSource,
  RoomView,
} from '../../src/protocol.ts'
import type { MeetingClient } from '../../src/rooms.ts'
import { id, ME, YOU } from '../kit.ts'
import type { Description, FakePeer, Platform } from './peer.ts'

export const ROOM = id(900)
export const TOPIC = `x:room:${ROOM}` as const
const AUDIO_SLOTS = 6
/** So long a lost connection is away. */
const AWAY_MS = 100
const STEPS = [4, 9, 16, 25, 36, 49]

type Asked = { [O in keyof Operations]: { op: O; args: Operations[O]['args'] } }[keyof Operations]

/** The media of one participant. */
interface Media {
  slots: number
  /** Of these, how many the client has answered. */
  answered: number
  ufrag: number
  /** The client has not answered the server's offer yet. */
  offered: boolean
  /** Whom each slot shows. */
  shown: (RoomView | undefined)[]
}

/** The room and everybody in it. */
export class House {
  room: Room
  readonly log: Event[] = []
  readonly faults: string[] = []
  readonly asked: Asked[] = []
  /** What an operation is refused with from now on. */
  readonly refusals = new Map<string, ErrorCode>()
  /** How often the client was asked to connect at once. */
  hurried = 0
  /** Whether people wait to be let in. */
  lobby = false
  /** Whether the connection is lost while the next `room.join` is answered. */
  losesJoin = false
  readonly #media = new Map<string, Media>()
  readonly #listeners = new Set<(update: Update) => void>()
  readonly #wait: () => Promise<void>
  #connections = 1
  #online = true
  #waiters: (() => void)[] = []
  #unheard: Event[] = []
  #offers = 0
  #last = 1_000

  constructor({ wait }: Platform) {
    this.#wait = wait
    const may = { microphones: true, cameras: true, screens: true }
    const rules = { locked: false, waiting: false, ...may }
    const head = { room: ROOM, conv: id(901), by: YOU, phase: 'open', rules } as const
    this.room = { ...head, participants: [], seq: 0 }
  }

  /** The caller's end of it. */
  get client(): MeetingClient {
    const house = this
    return {
      get connection(): Connection {
        const away = { state: 'offline', retryAt: 0, reason: 'the test says so' } as const
        return house.#online ? { state: 'online' } : away
      },
      listen(listener) {
        house.#listeners.add(listener)
        return () => house.#listeners.delete(listener)
      },
      reconnect() {
        house.hurried += 1
        house.#tellConnection()
      },
      call: ((op: string, args: object, { signal }: { signal?: AbortSignal } = {}) =>
        house.#call({ op, args: structuredClone(args) } as Asked, signal)) as MeetingClient['call'],
    }
  }

  async #call(asked: Asked, signal: AbortSignal | undefined): Promise<unknown> {
    signal?.throwIfAborted()
    if (asked.op === 'room.offer' && ++this.#offers > 1) this.faults.push('two offers are open')
    let onAbort = () => {}
    const givenUp = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal?.reason)
    })
    signal?.addEventListener('abort', onAbort)
    try {
      return await Promise.race([this.#travel(asked), givenUp])
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (asked.op === 'room.offer') this.#offers -= 1
    }
  }

  /** There and back; what was on its way when the connection was lost is asked again. */
  async #travel(asked: Asked): Promise<unknown> {
    for (;;) {
      await this.#way()
      const connection = this.#connections
      this.asked.push(asked)
      let answer: () => unknown
      try {
        const data = this.#answer(asked)
        answer = () => structuredClone(data)
      } catch (thrown) {
        answer = () => {
          throw thrown
        }
      }
      await this.#way()
      if (asked.op === 'room.join' && this.losesJoin) {
        this.losesJoin = false
        this.online(false)
        setTimeout(() => this.online(true), AWAY_MS)
      } else if (connection === this.#connections || asked.op === 'room.join') {
        return answer()
      }
    }
  }

  async #way(): Promise<void> {
    await this.#wait()
    while (!this.#online) await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  /** The socket goes away, or comes back; what happened meanwhile is told then. */
  online(online: boolean): void {
    if (online === this.#online) return
    this.#online = online
    this.#connections += 1
    this.#tellConnection()
    if (!online) return
    for (const waiter of this.#waiters.splice(0)) waiter()
    for (const event of this.#unheard.splice(0)) this.#hear(event)
  }

  #tellConnection(): void {
    for (const listener of this.#listeners) {
      listener({ kind: 'connection', connection: this.client.connection })
    }
  }

  #hear(event: Event): void {
    if (!this.#online) this.#unheard.push(event)
    else for (const listener of this.#listeners) listener({ kind: 'event', event })
  }

  /** Says what matters only now. */
  ephemeral(k: string, data: object): void {
    const ephemeral = { k, topic: TOPIC, data }
    if (!this.#online) return
    for (const listener of this.#listeners) listener({ kind: 'ephemeral', ephemeral })
  }

  /** Writes an event, after which the room is as `next` says. */
  #emit<K extends keyof EventData>(k: K, data: EventData[K], next: Partial<Room>): void {
    const seq = this.room.seq + 1
    const event: Event = {
      ...{ topic: TOPIC, seq, n: 0, k, by: YOU, at: seq },
      ...{ id: id(10_000 + seq), data: structuredClone(data) },
    }
    this.room = { ...this.room, ...next, seq }
    this.log.push(event)
    this.#hear(event)
  }

  /** The room has another title. */
  title(title: string): void {
    const { participants: _, seq: __, ...head } = this.room
    this.#emit('room.updated', { head: { ...head, title } }, { title })
  }

  /** The room is over. */
  end(): void {
    const { room, conv, seq } = this.room
    this.#emit('room.ended', { room, conv }, { phase: 'ended', ended_at: seq + 1 })
  }

  /** Says in the caller's own topic whether they may come in. */
  admit(participant: string, admitted: boolean): void {
    const own = this.find(participant)
    if (admitted && own) this.put({ ...own, waiting: false })
    else this.leave(participant, 'kicked')
    const event = { topic: `u:${ME}` as const, seq: 1, n: 0, k: 'room.admitted', by: YOU, at: 0 }
    this.#hear({ ...event, id: id(9_999), data: { room: ROOM, participant, admitted } })
  }

  find(participant: string): RoomParticipant | undefined {
    return this.room.participants.find(other => other.participant === participant)
  }

  /** Somebody comes in. */
  join(user: string, waiting = false): string {
    this.#last += 1
    const participant = id(this.#last)
    const place = { participant, user, role: 'member', joined_at: 0, publications: {} } as const
    const own = { ...place, ...(waiting && { waiting }) }
    const participants = [...this.room.participants, own]
    this.#emit('room.joined', { participant: own }, { participants })
    return participant
  }

  /** Somebody is another from now on. */
  put(own: RoomParticipant): void {
    const participants = this.room.participants.map(other =>
      other.participant === own.participant ? own : other,
    )
    this.#emit('room.changed', { participant: own }, { participants })
  }

  /** Somebody sends something else. */
  publish(participant: string, source: RoomSource, to: RoomPublication | undefined): void {
    const own = this.find(participant)
    if (!own) throw refusal('E_NOT_FOUND')
    const before = own.publications?.[source]
    if (JSON.stringify(before) === JSON.stringify(to)) return
    const { [source]: _, ...others } = own.publications ?? {}
    this.put({ ...own, publications: to ? { ...others, [source]: to } : others })
  }

  leave(participant: string, gone: Gone): void {
    const own = this.find(participant)
    this.#media.delete(participant)
    const participants = this.room.participants.filter(other => other !== own)
    if (own) this.#emit('room.left', { participant, user: own.user, gone }, { participants })
  }

  /** The server starts anew: the room stays, the connections are unknown. */
  restart(): void {
    this.#media.clear()
  }

  /** Another server carries the room from now on. */
  move(): void {
    this.restart()
    const { room, conv } = this.room
    this.#emit('room.moved', { room, conv }, {})
  }

  /** What the network would do: connections come about whose ends agree, and end with one. */
  network(open: FakePeer[], participant: string | undefined): void {
    const media = this.#media.get(participant ?? '')
    const [publish, subscribe] = open
    if (!media) for (const peer of open) if (peer.remote) peer.becomes('disconnected')
    if (!media || !publish || !subscribe) return
    if (publish.remote && publish.signalingState === 'stable') publish.becomes('connected')
    if (subscribe.remote?.ufrag === media.ufrag && !media.offered) subscribe.becomes('connected')
  }

  /** The slots of a participant, by the position of the section. */
  slots(participant: string): RoomSlot[] {
    const shown = this.#media.get(participant)?.shown ?? []
    return shown.flatMap((view, at) =>
      view ? [{ mid: String(AUDIO_SLOTS + at), ...pick(view) }] : [],
    )
  }

  /** Whether a participant has connections here. */
  knows(participant: string): boolean {
    return this.#media.has(participant)
  }

  #answer(asked: Asked): unknown {
    const code = this.refusals.get(asked.op)
    if (code) throw refusal(code)
    switch (asked.op) {
      case 'room.join':
        return this.#join(asked.args.participant)
      case 'room.get':
        return this.room
      case 'room.leave':
        this.leave(asked.args.participant, 'left')
        return {}
      case 'room.publish':
        this.publish(asked.args.participant, asked.args.source, asked.args.publication)
        return {}
      case 'room.offer': {
        this.#mediaOf(asked.args.participant)
        const { kinds, ufrag }: Description = JSON.parse(asked.args.sdp)
        if (asked.args.sends.length !== kinds.length) this.faults.push('a section has no name')
        return { sdp: JSON.stringify({ kinds, ufrag }) }
      }
      case 'room.subscribe':
        return this.#subscribe(asked.args.participant, asked.args.views, asked.args.restart)
      case 'room.answer':
        return this.#answered(asked.args.participant, JSON.parse(asked.args.sdp))
      default:
        return {}
    }
  }

  #mediaOf(participant: string): Media {
    const media = this.#media.get(participant)
    if (media) return media
    throw refusal('E_NOT_FOUND')
  }

  #join(as: string | undefined): Operations['room.join']['reply'] {
    if (as !== undefined && !this.find(as)) throw refusal('E_NOT_FOUND')
    const participant = as ?? this.join(ME, this.lobby)
    const own = this.find(participant)
    if (own?.waiting) {
      return { participant, ice_servers: [], room: { ...this.room, participants: [own] } }
    }
    this.#last += 1
    const media = { slots: 4, answered: 4, ufrag: this.#last, offered: true, shown: [] }
    this.#media.set(participant, media)
    return { participant, ice_servers: [], room: this.room, offer: this.#offer(media) }
  }

  #offer({ slots, ufrag }: Media): string {
    const kinds = [...Array(AUDIO_SLOTS).fill('audio'), ...Array(slots).fill('video')]
    return JSON.stringify({ kinds, ufrag } satisfies Description)
  }

  #subscribe(participant: string, views: RoomView[], restart = false) {
    const media = this.#mediaOf(participant)
    const needed = STEPS.find(step => step >= views.length) ?? 49
    const grows = needed > media.slots
    // The client that was cut off asks again before it has seen the first answer; what it could
    // not answer is not offered again to who looks at fewer.
    media.slots = Math.max(media.offered ? media.answered : media.slots, needed)
    if (restart) media.ufrag += 1
    this.#show(media, views)
    const slots = this.slots(participant)
    if (!grows && !restart && !media.offered) return { slots }
    media.offered = true
    return { slots, offer: this.#offer(media) }
  }

  /** What was shown stays where it is. */
  #show(media: Media, views: RoomView[]): void {
    const there = views.filter(({ participant, source }) => {
      return this.find(participant)?.publications?.[source] !== undefined
    })
    const same = (one: RoomView | undefined) => (other: RoomView) =>
      one?.participant === other.participant && one.source === other.source
    const stays = Array.from({ length: media.slots }, (_, at) => there.find(same(media.shown[at])))
    for (const view of there) {
      if (stays.some(own => own && same(own)(view))) continue
      const free = stays.indexOf(undefined)
      if (free >= 0) stays[free] = view
    }
    media.shown = stays
  }

  #answered(participant: string, { kinds }: Description): object {
    const media = this.#mediaOf(participant)
    if (kinds.length !== AUDIO_SLOTS + media.slots)
      this.faults.push('the answer is of another offer')
    media.offered = false
    media.answered = media.slots
    return {}
  }
}

function pick({ participant, source }: RoomView): Pick<RoomView, 'participant' | 'source'> {
  return { participant, source }
}

function refusal(code: ErrorCode): CarillonError {
  return new CarillonError(errorBody(code, 'no'))
}
