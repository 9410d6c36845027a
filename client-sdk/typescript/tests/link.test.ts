/** When a client comes back, the clock and the chance in the test's hand. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Connection } from '../src/events.ts'
import { Link } from '../src/link.ts'
import { CLOSE_CODES, type ServerFrame } from '../src/protocol.ts'
import { error, id, welcome } from './kit.ts'

/** A socket that is opened, heard and cut by the test. */
class Wire {
  static all: Wire[] = []
  readonly OPEN = 1
  readyState = 1
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onerror: (() => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null

  constructor() {
    Wire.all.push(this)
  }

  send(): void {}

  close(): void {}

  says(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }

  cut(): void {
    this.onclose?.({ code: 1006, reason: '' })
  }
}

/** The last try to connect; a token comes a moment later. */
async function wire(): Promise<Wire> {
  await vi.advanceTimersByTimeAsync(0)
  return Wire.all.at(-1) as Wire
}

let link: Link
let connection: Connection
let chance = 0

/** What the link waits now, in milliseconds. */
function wait(): number {
  if (connection.state !== 'offline') throw new Error(`it is ${connection.state}`)
  return connection.retryAt - Date.now()
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockImplementation(() => chance)
  Wire.all = []
  const webSocket = Wire as unknown as typeof WebSocket
  const address = { http: 'http://h', ws: 'ws://h/v1/ws' }
  const options = {
    address,
    token: 't',
    tab: undefined,
    handles: [],
    listens: [],
    device: id(6),
    webSocket,
  }
  const changed = (now: Connection) => {
    connection = now
  }
  const deaf = () => {}
  link = new Link(options, { up: deaf, frame: deaf, down: deaf, changed }, () => undefined)
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a client that lost its server', () => {
  it('waits by chance, up to a bound that doubles until thirty seconds', async () => {
    chance = 0.999_999
    link.connect()
    for (const bound of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const lost = await wire()
      const tried = Wire.all.length
      lost.cut()
      expect(Math.round(wait())).toBe(bound)
      await vi.advanceTimersByTimeAsync(bound - 2)
      expect(Wire.all.length).toBe(tried)
      await vi.advanceTimersByTimeAsync(2)
      expect(Wire.all.length).toBe(tried + 1)
    }
    chance = 0.25
    ;(await wire()).cut()
    expect(wait()).toBe(7_500)
  })

  it('begins anew only when a connection proved to be of use', async () => {
    chance = 0.5
    link.connect()
    const greet = { t: 'welcome', ...welcome() } as const
    for (const expected of [250, 500, 1_000]) {
      const socket = await wire()
      socket.says(greet)
      socket.cut()
      expect(wait()).toBe(expected)
      await vi.advanceTimersByTimeAsync(expected)
    }
    const socket = await wire()
    socket.says(greet)
    link.inStep()
    socket.cut()
    expect(wait()).toBe(250)
  })

  it('waits as long as a goodbye says, and a little more by chance', async () => {
    for (const [at, expected] of [
      [0, 7_000],
      [0.5, 7_250],
      [1, 7_500],
    ] as const) {
      chance = at
      link.connect()
      const socket = await wire()
      socket.says({ t: 'welcome', ...welcome() })
      socket.says({ t: 'bye', code: CLOSE_CODES.drain, retry_ms: 7_000, reason: 'the end' })
      socket.cut()
      expect(wait()).toBe(expected)
    }
  })

  it('waits as long as a busy server says, however often it was put off', async () => {
    chance = 0.5
    link.connect()
    for (let tries = 1; tries <= 20; tries += 1) {
      ;(await wire()).says({ t: 'err', ...error('E_BUSY'), retry_ms: 12_000 })
      expect(wait()).toBe(12_250)
      await vi.advanceTimersByTimeAsync(12_250)
      expect(Wire.all.length).toBe(tries + 1)
    }
  })
})
