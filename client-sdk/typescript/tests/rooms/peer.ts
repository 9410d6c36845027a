/** WebRTC as a test plays it: it heeds the order of descriptions as browsers do, and no network. */

/** What goes over such a connection is told of by its descriptions. */
export interface Description {
  /** The kinds of the sections, in order; the position is the `mid`. */
  kinds: string[]
  /** Changes with each ICE restart. */
  ufrag: number
}

/** A track without anything in it. */
export class FakeTrack {
  readyState: 'live' | 'ended' = 'live'
  contentHint = ''
  readonly kind: string
  readonly id: string

  constructor(kind: string, id = '') {
    this.kind = kind
    this.id = id
  }
}

export function track(kind: 'audio' | 'video', id = ''): MediaStreamTrack {
  return new FakeTrack(kind, id) as unknown as MediaStreamTrack
}

class FakeStream {
  readonly #tracks = new Set<FakeTrack>()

  addTrack(track: FakeTrack): void {
    this.#tracks.add(track)
  }

  getAudioTracks(): FakeTrack[] {
    return [...this.#tracks]
  }
}

class FakeTransceiver {
  mid: string | null = null
  readonly kind: string
  readonly receiver: { track: FakeTrack }
  readonly encodings: { active: boolean; rid?: string }[]
  readonly sender: FakeSender

  constructor(kind: string, at: number, encodings: { rid?: string }[], wait: () => Promise<void>) {
    this.kind = kind
    this.receiver = { track: new FakeTrack(kind, `slot ${at}`) }
    this.encodings = encodings.map(encoding => ({ ...encoding, active: true }))
    this.sender = new FakeSender(this, wait)
  }
}

class FakeSender {
  track: FakeTrack | null = null
  readonly #transceiver: FakeTransceiver
  readonly #wait: () => Promise<void>
  #busy = false

  constructor(transceiver: FakeTransceiver, wait: () => Promise<void>) {
    this.#transceiver = transceiver
    this.#wait = wait
  }

  async replaceTrack(track: FakeTrack | null): Promise<void> {
    await this.#alone()
    this.track = track
  }

  getParameters() {
    return { encodings: this.#transceiver.encodings.map(encoding => ({ ...encoding })) }
  }

  async setParameters({ encodings }: { encodings: { active: boolean }[] }): Promise<void> {
    await this.#alone()
    encodings.forEach(({ active }, at) => {
      const own = this.#transceiver.encodings[at]
      if (own) own.active = active
    })
  }

  /** As browsers do: what was read is void when something else was set meanwhile. */
  async #alone(): Promise<void> {
    if (this.#busy) throw new Error('the sender is being changed')
    this.#busy = true
    await this.#wait()
    this.#busy = false
  }
}

/** All connections of a test, and how long what they do takes. */
export class Platform {
  readonly peers: FakePeer[] = []
  /** How long the description of a section is, at least. */
  sectionLength = 0
  readonly wait: () => Promise<void>

  constructor(wait: () => Promise<void>) {
    this.wait = wait
  }

  /** For `joinRoom`. */
  get rtc() {
    const platform = this
    class Peer extends FakePeer {
      constructor() {
        super(platform.wait, () => platform.sectionLength)
        platform.peers.push(this)
      }
    }
    return {
      RTCPeerConnection: Peer as unknown as typeof RTCPeerConnection,
      MediaStream: FakeStream as unknown as typeof MediaStream,
    }
  }

  /** Those that are not closed: the one that sends, then the one that receives. */
  get open(): FakePeer[] {
    return this.peers.filter(peer => peer.signalingState !== 'closed')
  }
}

/** A connection. */
export class FakePeer extends EventTarget {
  signalingState = 'stable'
  connectionState: RTCPeerConnectionState = 'new'
  localDescription: { type: string; sdp: string } | null = null
  remote: Description | undefined
  #transceivers: FakeTransceiver[] = []
  readonly #sectionLength: () => number
  /** What was described before the offer that is open. */
  #before: { remote: Description | undefined; sections: number } | undefined
  readonly #wait: () => Promise<void>
  #ufrag = 0
  /** For `getStats`. */
  counters: Record<string, unknown>[] = []

  constructor(wait: () => Promise<void>, sectionLength: () => number) {
    super()
    this.#wait = wait
    this.#sectionLength = sectionLength
  }

  addTransceiver(kind: string, init: { sendEncodings?: { rid?: string }[] } = {}) {
    const { sendEncodings = [{}] } = init
    const at = this.#transceivers.length
    const transceiver = new FakeTransceiver(kind, at, sendEncodings, this.#wait)
    this.#transceivers.push(transceiver)
    return transceiver
  }

  getTransceivers(): FakeTransceiver[] {
    return this.#transceivers
  }

  async createOffer({ iceRestart = false } = {}) {
    await this.#step('stable')
    if (iceRestart) this.#ufrag += 1
    return { type: 'offer', sdp: this.#describe() }
  }

  async createAnswer() {
    await this.#step('have-remote-offer')
    return { type: 'answer', sdp: this.#describe() }
  }

  #describe(): string {
    const kinds = this.#transceivers.map(({ kind }) => kind)
    const text = JSON.stringify({ kinds, ufrag: this.#ufrag } satisfies Description)
    return text.padEnd(kinds.length * this.#sectionLength())
  }

  async setLocalDescription(description: { type: string; sdp: string }): Promise<void> {
    const isOffer = description.type === 'offer'
    await this.#step(isOffer ? 'stable' : 'have-remote-offer')
    this.signalingState = isOffer ? 'have-local-offer' : 'stable'
    this.localDescription = description
    this.#transceivers.forEach((transceiver, at) => {
      transceiver.mid = String(at)
    })
  }

  async setRemoteDescription(description: { type: string; sdp?: string }): Promise<void> {
    const { type, sdp = '' } = description
    if (type === 'rollback') return this.#rollback()
    const isOffer = type === 'offer'
    await this.#step(isOffer ? 'stable' : 'have-local-offer')
    this.signalingState = isOffer ? 'have-remote-offer' : 'stable'
    this.#before = { remote: this.remote, sections: this.#transceivers.length }
    this.remote = JSON.parse(sdp)
    const kinds = this.remote?.kinds ?? []
    for (const kind of kinds.slice(this.#transceivers.length)) this.addTransceiver(kind)
    this.#transceivers.forEach((transceiver, at) => {
      transceiver.mid = String(at)
    })
  }

  async #rollback(): Promise<void> {
    await this.#step('have-remote-offer')
    this.signalingState = 'stable'
    this.remote = this.#before?.remote
    this.#transceivers = this.#transceivers.slice(0, this.#before?.sections)
  }

  async #step(state: string): Promise<void> {
    this.#heed(state)
    await this.#wait()
    this.#heed(state)
  }

  #heed(state: string): void {
    if (this.signalingState === state) return
    throw new Error(`the connection is ${this.signalingState}, not ${state}`)
  }

  /** The network has done this to it. */
  becomes(state: RTCPeerConnectionState): void {
    if (this.signalingState === 'closed' || this.connectionState === state) return
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  async getStats() {
    return new Map(this.counters.map(entry => [entry.id, entry]))
  }

  close(): void {
    this.signalingState = 'closed'
    this.connectionState = 'closed'
  }
}
