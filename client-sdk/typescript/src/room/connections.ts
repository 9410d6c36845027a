/** Both connections of a participant, from one `room.join` to the next. */

import { after, now, type Timer } from '../clock.ts'
import type {
  RoomConnection,
  RoomIceServer,
  RoomParticipantId,
  RoomSource,
  RoomView,
} from '../protocol.ts'
import { Publisher } from './publish.ts'
import type { Ask, Rtc } from './rtc.ts'
import { type MeetingStats, type Sample, sample, stats } from './stats.ts'
import { Still } from './still.ts'
import { type SubscribeHearer, Subscriber } from './subscribe.ts'

/** How often the counters are looked at: within the time that a restart is given. */
const LOOK_MS = 2_000
/** Looks without anything heard: by then a browser that is well has asked the server twice. */
const SILENT_LOOKS = 4
/**
 * Somebody speaks, says the server, and nothing of it comes: that is tried to be mended so often at
 * most. It may as well be the word that they stopped which did not come.
 */
const DEAF_MS = 60_000
/** A look that is asked for before counts over less time tells little. */
const SPAN_MS_MIN = 500

/** Who hears of the connections. */
export interface ConnectionsHearer extends SubscribeHearer {
  state(which: RoomConnection, state: RTCPeerConnectionState): void
  /** Something came since the last look, or nothing for several. */
  flow(which: RoomConnection, flows: boolean): void
  /** The counters were looked at. */
  looked(stats: MeetingStats): void
  /** The pictures of other people stand still. */
  still(): void
  /** Whether somebody is heard now, as the server says. */
  spoken(): boolean
  /** Whether somebody sends this now, and it is not muted. */
  sent(participant: RoomParticipantId, source: RoomSource): boolean
}

/** What `room.join` answered. */
export interface Entrance {
  rtc: Rtc
  participant: RoomParticipantId
  iceServers: readonly RoomIceServer[]
  offer: string
  ask: Ask
}

/** The counters of one connection. */
class Counters {
  before: Sample | undefined
  latest: Sample | undefined
  silent = 0
  readonly pc: RTCPeerConnection

  constructor(pc: RTCPeerConnection) {
    this.pc = pc
  }

  async look(): Promise<Sample> {
    return sample(await this.pc.getStats(), now())
  }

  keep(next: Sample): void {
    this.before = this.latest
    this.latest = next
  }

  /** What a look now is compared with. */
  base(at: number): Sample | undefined {
    const { latest } = this
    return latest && at - latest.at < SPAN_MS_MIN ? this.before : latest
  }
}

/** Sends and receives for a participant, until it is closed. */
export class Connections {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly #still = new Still()
  readonly #hearer: ConnectionsHearer
  readonly #counters: Record<RoomConnection, Counters>
  #timer: Timer | undefined
  #deafUntil = 0
  #closed = false

  constructor(
    { offer, ...entrance }: Entrance,
    views: readonly RoomView[],
    hearer: ConnectionsHearer,
  ) {
    this.#hearer = hearer
    const changed = (which: RoomConnection) => (state: RTCPeerConnectionState) => {
      if (!this.#closed) hearer.state(which, state)
    }
    this.publisher = new Publisher({ ...entrance, changed: changed('publish') })
    this.subscriber = new Subscriber({ ...entrance, changed: changed('subscribe') }, offer, hearer)
    this.subscriber.look(views)
    this.#counters = {
      publish: new Counters(this.publisher.pc),
      subscribe: new Counters(this.subscriber.pc),
    }
    this.#offer(false)
    this.#lookSoon()
  }

  /** Looks for other ways to the server. */
  restart(which: RoomConnection): void {
    if (which === 'subscribe') this.subscriber.restart()
    else this.#offer(true)
  }

  #offer(iceRestart: boolean): void {
    this.publisher.offer(iceRestart).catch((thrown: unknown) => {
      if (!this.#closed) this.#hearer.failed(thrown)
    })
  }

  #lookSoon(): void {
    if (this.#closed) return
    this.#timer = after(LOOK_MS, () => {
      // A platform may not count, or the connection has just been closed: then nothing is known.
      void this.#look()
        .catch(() => {})
        .then(() => this.#lookSoon())
    })
  }

  async #look(): Promise<void> {
    const looks = await this.#looks()
    if (this.#closed) return
    const stats = this.#compare(looks)
    for (const which of ['publish', 'subscribe'] as const) {
      this.#counters[which].keep(looks[which])
      this.#flow(which)
    }
    this.#hearer.looked(stats)
    const isSent = (id: RoomParticipantId) => this.#hearer.sent(id, 'camera')
    if (this.#still.look(stats.subscribe.videos, isSent)) this.#hearer.still()
  }

  /** Whose cameras are on and looked at, and nothing of them comes. */
  get still(): readonly RoomParticipantId[] {
    return this.#still.people
  }

  #flow(which: RoomConnection): void {
    const counters = this.#counters[which]
    const { before, latest } = counters
    // One that counts nothing at all belongs to a platform that does not count that.
    if (!before || !latest?.heard || counters.pc.connectionState !== 'connected') {
      counters.silent = 0
      return
    }
    const isDeaf = which === 'subscribe' && this.#isDeaf(before, latest)
    if (latest.heard > before.heard && !isDeaf) {
      counters.silent = 0
      this.#hearer.flow(which, true)
      return
    }
    counters.silent += 1
    if (counters.silent < SILENT_LOOKS) return
    counters.silent = 0
    if (isDeaf) this.#deafUntil = latest.at + DEAF_MS
    this.#hearer.flow(which, false)
  }

  /** Whether nothing is heard of those who speak. */
  #isDeaf(before: Sample, latest: Sample): boolean {
    if (latest.at < this.#deafUntil || !this.#hearer.spoken()) return false
    return latest.sound === before.sound
  }

  /** How it goes since the last look. */
  async stats(): Promise<MeetingStats> {
    return this.#compare(await this.#looks())
  }

  async #looks(): Promise<Record<RoomConnection, Sample>> {
    const { publish, subscribe } = this.#counters
    const [out, back] = await Promise.all([publish.look(), subscribe.look()])
    return { publish: out, subscribe: back }
  }

  #compare(looks: Record<RoomConnection, Sample>): MeetingStats {
    const span = (which: RoomConnection) => ({
      before: this.#counters[which].base(looks[which].at),
      after: looks[which],
    })
    return stats(span('publish'), span('subscribe'), {
      sourceOf: mid => this.publisher.sourceOf(mid),
      shownBy: mid => this.subscriber.shownBy(mid),
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.publisher.close()
    this.subscriber.close()
  }
}
