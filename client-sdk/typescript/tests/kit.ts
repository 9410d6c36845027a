/** A server whose every word the test says, over real sockets on a port of its own. */

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { Client, type Options, type Update } from '../src/node.ts'
import type {
  Cid,
  ClientFrame,
  ErrorBody,
  ErrorCode,
  Event,
  Hello,
  LogPage,
  MsgSend,
  MsgSent,
  ServerFrame,
  Topic,
  Welcome,
} from '../src/protocol.ts'
import { ERRORS } from '../src/protocol.ts'

/** The id that ends in this number. */
export function id(number: number): string {
  return `01K${String(number).padStart(23, '0')}`
}

export const ME = id(1)
export const YOU = id(2)
export const CONV = id(3)
export const TOPIC: Topic = `c:${CONV}`

/** Takes from one side what the other gives, in order; whoever comes first waits. */
export class Channel<T> {
  readonly #items: T[] = []
  readonly #takers: ((item: T) => void)[] = []

  give(item: T): void {
    const taker = this.#takers.shift()
    if (taker) taker(item)
    else this.#items.push(item)
  }

  take(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T)
    return new Promise(resolve => this.#takers.push(resolve))
  }
}

/** Listens on a port of its own; ended by the test. */
export class Server {
  readonly #server: WebSocketServer
  readonly #peers = new Channel<Peer>()

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', ws => this.#peers.give(new Peer(ws)))
  }

  static async start(): Promise<Server> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    return new Server(server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get options(): Options {
    return { url: this.url, token: 't' }
  }

  /** The next client that connects, after its upgrade. */
  accept(): Promise<Peer> {
    return this.#peers.take()
  }

  async stop(): Promise<void> {
    for (const ws of this.#server.clients) ws.terminate()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** A server, clients and a folder for each test of a file; they end with it. */
export class Table {
  dir = ''
  #server: Server | undefined
  readonly #clients: Client[] = []

  /** Sets it up for the tests that follow. */
  static lay(): Table {
    const table = new Table()
    beforeEach(async () => {
      table.#server = await Server.start()
      table.dir = await mkdtemp(join(tmpdir(), 'carillon-client-'))
    })
    afterEach(async () => {
      await Promise.all(table.#clients.splice(0).map(client => client.close()))
      await table.server.stop()
      await rm(table.dir, { recursive: true })
    })
    return table
  }

  get server(): Server {
    if (!this.#server) throw new Error('there is a server in a test only')
    return this.#server
  }

  /** A client that nobody has answered yet. */
  async open(options: Partial<Options> = {}): Promise<Client> {
    const client = await Client.open({ ...this.server.options, ...options })
    this.#clients.push(client)
    return client
  }

  /** A client that is welcome. */
  async connected(options: Partial<Options> = {}): Promise<[Client, Peer, Stream]> {
    const client = await this.open(options)
    const stream = client.events()
    const peer = await this.server.accept()
    await peer.greet()
    return [client, peer, stream]
  }

  /** A client that holds everything up to 4. */
  async inStep(options: Partial<Options> = {}): Promise<[Client, Peer, Stream]> {
    const all = await this.connected(options)
    const [, peer, stream] = all
    peer.page(4)
    peer.synced('s1')
    await until(stream, 'synced')
    return all
  }
}

export type Stream = AsyncIterableIterator<Update>

export type Called = Extract<ClientFrame, { t: 'call' }>

/** The server's end of one connection. */
export class Peer {
  readonly #ws: WebSocket
  readonly #frames = new Channel<ClientFrame | undefined>()

  constructor(ws: WebSocket) {
    this.#ws = ws
    ws.on('message', data => this.#frames.give(JSON.parse(data.toString())))
    ws.on('close', () => this.#frames.give(undefined))
    ws.on('error', () => {})
  }

  /** The next frame; `undefined` when the client is gone. */
  frame(): Promise<ClientFrame | undefined> {
    return this.#frames.take()
  }

  /** Waits until the client is gone. */
  async gone(): Promise<void> {
    while (await this.frame()) {}
  }

  async hello(): Promise<Hello> {
    const frame = await this.frame()
    if (frame?.t !== 'hello') throw new Error(`expected hello, got ${JSON.stringify(frame)}`)
    return frame
  }

  /** The next call; pings are answered. */
  async tryCall(): Promise<Called | undefined> {
    for (;;) {
      const frame = await this.frame()
      if (frame === undefined) return undefined
      if (frame.t === 'call') return frame
      if (frame.t === 'ping') this.send({ t: 'pong', now: 0 })
    }
  }

  async call(): Promise<Called> {
    const call = await this.tryCall()
    if (!call) throw new Error('the client is gone')
    return call
  }

  send(frame: ServerFrame | string): void {
    this.#ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  ok(call: Called, data: unknown): void {
    this.send({ t: 'ok', re: call.id, data })
  }

  err(call: Called, code: ErrorCode, more: Partial<ErrorBody> = {}): void {
    this.send({ t: 'err', re: call.id, ...error(code), ...more })
  }

  ev(seq: number): void {
    this.send({ t: 'ev', ...event(seq) })
  }

  page(head: number, last: Event[] = []): void {
    this.send({
      t: 'page',
      topics: [{ topic: TOPIC, head, n: head, read_seq: 0, unread: head, last }],
    })
  }

  synced(sync: string): void {
    this.send({ t: 'synced', sync })
  }

  /** Says why, and closes. */
  bye(code: number, retryMs?: number): void {
    const reason = 'because'
    this.send({ t: 'bye', code, reason, ...(retryMs !== undefined && { retry_ms: retryMs }) })
    this.#ws.close(code)
  }

  /** Closes with a code and no `bye`. */
  close(code?: number): void {
    this.#ws.close(code)
  }

  /** Cuts the connection. */
  drop(): void {
    this.#ws.terminate()
  }

  /** Reads `hello`, answers `welcome`, returns the token with which the client resumes. */
  async greet(more: Partial<Welcome> = {}): Promise<string | undefined> {
    const { sync } = await this.hello()
    this.send({ t: 'welcome', ...welcome(), ...more })
    return sync
  }
}

export function welcome(): Welcome {
  const limits = { frame: 65536, text: 16384, mentions: 200, members: 5000, users_per_call: 500 }
  return {
    session: id(5),
    hb_ms: 30_000,
    caps: ['dirty'],
    limits: { ...limits, writes_per_s: 0, reads_per_s: 0 },
    now: 0,
    user: ME,
    org: id(4),
    server: 'scripted',
  }
}

export function error(code: ErrorCode): ErrorBody {
  return { code, msg: 'no', retry: ERRORS[code].retry }
}

/** A message of another person; its text is its position. */
export function event(seq: number): Event {
  return message(YOU, seq, String(seq))
}

export function message(by: string, seq: number, text: string, cid?: Cid): Event {
  const data = { kind: 'text', text, rev: seq }
  const at = { topic: TOPIC, seq, n: seq, k: 'msg.sent', id: id(seq + 1_000), by, at: 0 }
  return { ...at, ...(cid && { cid }), data }
}

export function sent(seq: number): MsgSent {
  return { seq, id: id(seq + 1_000), at: 0, dup: false }
}

export function logPage(from: number, to: number, head: number): LogPage {
  const events = Array.from({ length: to - from + 1 }, (_, at) => event(from + at))
  return { events, head, more: to < head, floor: 1 }
}

export function say(text: string, conv = CONV): MsgSend {
  return { conv, body: { kind: 'text', text } }
}

/** What a `msg.send` says. */
export function textOf(call: Called): string {
  return wordsOf(call.args as MsgSend)
}

/** The text of a message that waits. */
export function wordsOf({ body }: MsgSend): string {
  if (body.kind !== 'text') throw new Error(`a text, not ${body.kind}`)
  return body.text
}

/** Waits for an update. */
export async function until<K extends Update['kind']>(
  stream: Stream,
  kind: K,
  wanted: (update: Extract<Update, { kind: K }>) => boolean = () => true,
): Promise<Extract<Update, { kind: K }>> {
  for (;;) {
    const { value, done } = await stream.next()
    if (done) throw new Error('the client is closed')
    const update = value as Extract<Update, { kind: K }>
    if (value.kind === kind && wanted(update)) return update
  }
}

/** Waits until the client is in this state of its connection. */
export function inState(
  stream: Stream,
  state: string,
): Promise<Extract<Update, { kind: 'connection' }>> {
  return until(stream, 'connection', ({ connection }) => connection.state === state)
}

/** The position of the next event; passes over the rest. */
export async function nextSeq(stream: Stream): Promise<number> {
  const { event } = await until(stream, 'event')
  return event.seq
}
