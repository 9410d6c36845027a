/** Meetings through the shipped server, with the WebRTC of Node on both ends. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { rpc } from '../../src/node.ts'
import type { ConvId, RoomId, RoomParticipant } from '../../src/protocol.ts'
import { Channel } from '../kit.ts'
import { Carillon, type Person } from './carillon.ts'
import { Line } from './line.ts'

const GUEST = fileURLToPath(new URL('guest.mjs', import.meta.url))
/** What an encoder makes of a shade may be so far from it. */
const SHADES_APART = 12

type Message = { kind: string; [name: string]: unknown }

let carillon: Carillon
let amy: Person
let bob: Person
let conv: ConvId
let room: RoomId
let line: Line
let guests: Guest[]

/** Somebody in the meeting: their process, and what they tell. */
class Guest {
  me = ''
  readonly shade: number
  readonly #process: ChildProcess
  readonly #told = new Channel<Message>()

  private constructor(shade: number, process: ChildProcess) {
    this.shade = shade
    this.#process = process
    process.on('message', message => this.#told.give(message as Message))
    process.on('exit', () => this.#told.give({ kind: 'gone' }))
  }

  /** Comes in with camera and microphone. */
  static async enter({ token }: Person, shade: number): Promise<Guest> {
    const arg = JSON.stringify({ url: line.url, token, room, shade })
    const guest = new Guest(shade, fork(GUEST, [arg], { execArgv: [] }))
    guests.push(guest)
    const { me, state } = await guest.hears('there')
    guest.me = String(me)
    if (state !== 'connected') await guest.inState('connected')
    return guest
  }

  /** The next thing of a kind that they tell, and that is as wanted; passes over the rest. */
  async hears(kind: string, wanted: (told: Message) => boolean = () => true): Promise<Message> {
    for (;;) {
      const told = await this.#told.take()
      if (told.kind === kind && wanted(told)) return told
      if (told.kind === 'gone') throw new Error(`gone before ${kind}`)
    }
  }

  /** A picture in somebody's shade. */
  async sees({ me, shade }: Guest): Promise<Message> {
    const isTheirs = ({ participant, shade: seen }: Message) =>
      participant === me && Math.abs(Number(seen) - shade) < SHADES_APART
    return this.hears('seen', isTheirs)
  }

  /** Asks their meeting for something, or calls a method of it; the answer is told like everything else. */
  tells(ask: string, ...args: unknown[]): void {
    this.#process.send({ ask, args })
  }

  /** As `tells`, and waits for the answer. */
  async ask(ask: string, ...args: unknown[]): Promise<unknown> {
    this.tells(ask, ...args)
    const { answer, error } = await this.hears('answer', told => told.ask === ask)
    if (error) throw error
    return answer
  }

  inState(state: string): Promise<Message> {
    return this.hears('state', told => (told.state as { state: string }).state === state)
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

beforeAll(async () => {
  carillon = await Carillon.start()
  amy = await carillon.person('amy')
  bob = await carillon.person('bob')
})

beforeEach(async () => {
  line = await Line.start()
  line.aim(carillon.url)
  conv = await carillon.group(amy, bob)
  const { token } = amy
  room = (await rpc(carillon.url, 'room.create', { conv }, { token })).room
  guests = []
})

afterEach(async () => {
  await Promise.all(guests.map(guest => guest.end()))
  await line.stop()
})

afterAll(() => carillon.stop())

/** Two who see and hear each other. */
async function together(): Promise<[Guest, Guest]> {
  const [one, other] = await Promise.all([Guest.enter(amy, 60), Guest.enter(bob, 190)])
  await Promise.all([one.sees(other), other.sees(one)])
  await Promise.all([one.hears('heard'), other.hears('heard')])
  return [one, other]
}

async function people(): Promise<RoomParticipant[]> {
  const { token } = amy
  return (await rpc(carillon.url, 'room.get', { room }, { token })).participants
}

describe('two people in a meeting', () => {
  it('see and hear each other, and know how far apart they are', async () => {
    const [one] = await together()
    const stats = (await one.ask('stats')) as { delayMs: number; networkMs: number }
    expect(stats.networkMs).toBeGreaterThanOrEqual(0)
    expect(stats.delayMs).toBeGreaterThan(stats.networkMs)
    expect(stats).toMatchObject({ subscribe: { videos: [{ source: 'camera' }] } })
    for (const { publications } of await people()) {
      expect(publications).toEqual({ camera: {}, microphone: {} })
    }
    // Each has followed the log to where the server is.
    for (const guest of guests) {
      await vi.waitFor(async () => expect(await guest.ask('participants')).toEqual(await people()))
    }
  })

  it('are moderated by who opened it', async () => {
    const [host, other] = await together()
    host.tells('muteOther', other.me, 'camera')
    await other.hears('muted', ({ source }) => source === 'camera')
    await expect(other.ask('kick', host.me)).rejects.toMatchObject({ code: 'E_FORBIDDEN' })
    host.tells('kick', other.me)
    const { state } = await other.inState('left')
    expect(state).toMatchObject({ reason: 'kicked' })
    await host.hears('left', ({ gone }) => gone === 'kicked')
    expect(await people()).toHaveLength(1)
  })

  it('are together again after the server was killed, in the same places', async () => {
    const [one, other] = await together()
    const places = (await people()).map(({ participant }) => participant)
    line.aim(undefined)
    await carillon.kill()
    await carillon.serve()
    line.aim(carillon.url)
    await Promise.all([one.inState('reconnecting'), other.inState('reconnecting')])
    await Promise.all([one.inState('connected'), other.inState('connected')])
    await Promise.all([one.sees(other), other.sees(one)])
    await Promise.all([one.hears('heard'), other.hears('heard')])
    expect((await people()).map(({ participant }) => participant)).toEqual(places)
  })

  it('go on talking while the socket is away', async () => {
    const [one, other] = await together()
    line.aim(undefined)
    await Promise.all([one.sees(other), other.sees(one)])
    await one.hears('heard')
    line.aim(carillon.url)
    expect(await one.ask('raiseHand', true)).toBe(undefined)
    const hands = (await people()).filter(({ hand_at }) => hand_at !== undefined)
    expect(hands.map(({ participant }) => participant)).toEqual([one.me])
    other.tells('leave')
    await one.hears('left', ({ gone }) => gone === 'left')
  })
})
