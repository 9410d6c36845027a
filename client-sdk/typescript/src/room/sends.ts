/** What a participant sends: the tracks, and what the room is told of them. */

import { CarillonError, errorBody } from '../error.ts'
import type { RoomParticipant, RoomPublication, RoomSource } from '../protocol.ts'
import { Intents, publication } from './intent.ts'
import type { Publisher } from './publish.ts'
import { isAudio, SOURCES, Turns } from './rtc.ts'

/** Something that is sent. */
export interface Sending {
  /** Stopping it is the caller's. */
  readonly track: MediaStreamTrack
  readonly muted: boolean
}

/** Who carries it out, and hears of it. */
export interface SendsHearer {
  /** Tells the server. */
  tell(source: RoomSource, publication: RoomPublication | undefined): Promise<unknown>
  /** The server does not know the participant. */
  lost(): void
  /** What is sent changed. */
  changed(): void
  /** Others muted this, or ended it. */
  muted(source: RoomSource): void
}

/** Where those wait who have something to tell, until the participant is in the room. */
class Door {
  passed: Promise<void>
  #open: () => void = () => {}
  #bar: (error: CarillonError) => void = () => {}
  #shut = true

  constructor() {
    this.passed = this.#wait()
  }

  #wait(): Promise<void> {
    const passed = new Promise<void>((resolve, reject) => {
      this.#open = resolve
      this.#bar = reject
    })
    // Mostly nobody waits.
    passed.catch(() => {})
    return passed
  }

  open(): void {
    this.#shut = false
    this.#open()
  }

  close(): void {
    if (this.#shut) return
    this.#shut = true
    this.passed = this.#wait()
  }

  /** For good. */
  bar(error: CarillonError): void {
    this.close()
    this.#bar(error)
  }
}

/** Keeps what is sent, over all connections. */
export class Sends {
  #all: ReadonlyMap<RoomSource, Sending> = new Map()
  readonly #hearer: SendsHearer
  readonly #intents = new Intents()
  /** What the server is told of a source, one thing after the other. */
  readonly #turns = new Map<RoomSource, Turns>(SOURCES.map(source => [source, new Turns()]))
  #publisher: Publisher | undefined
  readonly #door = new Door()
  /** Why nothing is sent any more. */
  #over: CarillonError | undefined

  constructor(hearer: SendsHearer) {
    this.#hearer = hearer
  }

  /** A new map after each change. */
  get all(): ReadonlyMap<RoomSource, Sending> {
    return this.#all
  }

  async publish(source: RoomSource, track: MediaStreamTrack, muted: boolean): Promise<void> {
    if ((track.kind === 'audio') !== isAudio(source)) {
      throw bad('track', `a ${source} is no track of ${track.kind}`)
    }
    await this.#set(source, { track, muted })
  }

  async mute(source: RoomSource): Promise<void> {
    const { track } = this.#sent(source)
    await this.#set(source, { track, muted: true })
  }

  async unmute(source: RoomSource, track = this.#sent(source).track): Promise<void> {
    if (track.readyState === 'ended') throw bad('track', 'the track has ended: bring another one')
    await this.publish(source, track, false)
  }

  async replace(source: RoomSource, track: MediaStreamTrack): Promise<void> {
    const { muted } = this.#sent(source)
    await this.publish(source, track, muted)
  }

  async unpublish(source: RoomSource): Promise<void> {
    if (this.#all.has(source)) await this.#set(source, undefined)
  }

  #sent(source: RoomSource): Sending {
    const sending = this.#all.get(source)
    if (sending) return sending
    throw bad('source', `no ${source} is published: publish one first`)
  }

  async #set(source: RoomSource, sending: Sending | undefined): Promise<void> {
    if (this.#over) throw this.#over
    this.#put(source, sending)
    this.#intents.set(source, sending ? (sending.muted ? 'muted' : 'on') : 'off')
    await this.#carry(source)
    await this.#say(source)
  }

  #put(source: RoomSource, sending: Sending | undefined): void {
    const all = new Map(this.#all)
    if (sending) all.set(source, sending)
    else all.delete(source)
    this.#all = all
    this.#hearer.changed()
  }

  /** What is muted is not sent at all: no server has to be trusted with it. */
  async #carry(source: RoomSource): Promise<void> {
    const sending = this.#all.get(source)
    await this.#publisher?.carry(source, sending && !sending.muted ? sending.track : null)
  }

  #say(source: RoomSource): Promise<void> {
    const told = this.#turns.get(source)?.run(async () => {
      for (;;) {
        await this.#door.passed
        const how = this.#intents.next(source)
        if (how === undefined || (await this.#told(source, publication(how)))) return
      }
    })
    return told ?? Promise.resolve()
  }

  /** Whether the server knows now; if not, it is told again when the participant is back. */
  async #told(source: RoomSource, publication: RoomPublication | undefined): Promise<boolean> {
    try {
      await this.#hearer.tell(source, publication)
      this.#intents.answered(source, 'done')
      return true
    } catch (thrown) {
      if (this.#over) throw this.#over
      if (thrown instanceof CarillonError && thrown.code === 'E_NOT_FOUND') {
        this.#intents.answered(source, 'unknown')
        this.#door.close()
        this.#hearer.lost()
        return false
      }
      this.#intents.answered(source, 'refused')
      this.#follow(source)
      throw thrown
    }
  }

  /** Does what the room says. */
  #follow(source: RoomSource): void {
    const how = this.#intents.of(source)
    const sending = this.#all.get(source)
    if (how === 'off' || !sending) this.#put(source, undefined)
    else this.#put(source, { ...sending, muted: how === 'muted' })
    if (how !== 'off' && !sending) {
      // What has no track is not sent, whatever the room says.
      this.#intents.set(source, 'off')
      void this.#say(source).catch(() => {})
    }
    // Nothing is not refused by a sender, and what it sent before it takes again.
    void this.#carry(source).catch(() => {})
  }

  /** The participant is in the room, by this connection. */
  attach(publisher: Publisher): void {
    this.#publisher = publisher
    this.#door.open()
    for (const source of SOURCES) {
      void this.#carry(source).catch(() => {})
      // Who is refused now is told by `changed`.
      void this.#say(source).catch(() => {})
    }
  }

  /** The participant is not in the room for now. */
  detach(): void {
    this.#publisher = undefined
    this.#door.close()
  }

  /** The participant is not in the room any more. */
  end(error: CarillonError): void {
    this.#over = error
    this.#publisher = undefined
    this.#door.bar(error)
  }

  /** The roster changed what it says of the caller. */
  told(self: RoomParticipant): void {
    this.#adopt(this.#intents.told(self))
  }

  /** The caller came in, or back: to the place they had, or to a new one. */
  entered(self: RoomParticipant, place: 'first' | 'same' | 'new'): void {
    if (place === 'new') this.#intents.anew()
    if (place === 'first') this.#intents.found(self)
    else this.#adopt(this.#intents.cameBack(self))
  }

  #adopt(sources: RoomSource[]): void {
    for (const source of sources) {
      const { muted } = this.#all.get(source) ?? { muted: true }
      this.#follow(source)
      if (!muted) this.#hearer.muted(source)
    }
  }
}

function bad(field: string, msg: string): CarillonError {
  return new CarillonError({ ...errorBody('E_BAD_ARG', msg), field })
}
