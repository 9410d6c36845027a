/** Programs that are killed: those of the README and the guide, and one that only writes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { folder, text } from '../../src/node.ts'
import { type Stream, until } from '../kit.ts'
import { Carillon, caughtUp, environment, type Person, say } from './carillon.ts'
import { Line } from './line.ts'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))

let carillon: Carillon
let amy: Person
let line: Line
/** A folder from which the package is found by its name, as a program's own. */
let dir: string
let running: ChildProcess[]

beforeAll(async () => {
  carillon = await Carillon.start()
  amy = await carillon.person('amy')
  dir = await mkdtemp(join(tmpdir(), 'carillon-program-'))
  await mkdir(join(dir, 'node_modules/@carillon'), { recursive: true })
  await symlink(PACKAGE, join(dir, 'node_modules/@carillon/client'))
})

beforeEach(async () => {
  line = await Line.start()
  line.aim(carillon.url)
  running = []
})

afterEach(async () => {
  await Promise.all(running.map(kill))
  await line.stop()
})

afterAll(async () => {
  await carillon.stop()
  await rm(dir, { recursive: true, force: true })
})

function start(script: string, env: Record<string, string>): ChildProcess {
  const all = environment({ ...env, NODE_NO_WARNINGS: '1' })
  const child = spawn(process.execPath, [script], {
    cwd: dir,
    env: all,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** What somebody says next. */
async function said(stream: Stream, by: string): Promise<string> {
  for (;;) {
    const { event } = await until(stream, 'event', ({ event }) => event.by === by)
    const words = text(event)
    if (words !== undefined) return words
  }
}

describe('the bot of the README', () => {
  it('answers each message once, though it and the server are killed', async () => {
    // It has no types that would have to be taken away.
    await copyFile(join(PACKAGE, 'examples/echo-bot.ts'), join(dir, 'echo-bot.mjs'))
    const bot = await carillon.bot('echo')
    const conv = await carillon.group(amy, bot)
    const startBot = () =>
      start('echo-bot.mjs', { CARILLON_URL: line.url, CARILLON_TOKEN: bot.token })
    const { client, stream } = await caughtUp({ ...carillon.options(amy), url: line.url })
    const echoed = async (texts: string[]) => {
      for (const words of texts) expect(await said(stream, bot.user)).toBe(words)
    }

    let process = startBot()
    // Until it has caught up, what is said is history to it.
    const progress = join(dir, 'echo-bot/progress.json')
    while (!(await readFile(progress, 'utf8').catch(() => '')).includes('"sync"')) {
      expect(process.exitCode).toBeNull()
    }
    await say(carillon, amy, conv, ['早晨', '收到未？'])
    await echoed(['早晨', '收到未？'])

    await kill(process)
    await say(carillon, amy, conv, ['while you', 'were dead'])
    process = startBot()
    await echoed(['while you', 'were dead'])

    await carillon.kill()
    await carillon.serve()
    line.aim(carillon.url)
    await say(carillon, amy, conv, ['the server', 'was killed'])
    await echoed(['the server', 'was killed'])

    // Both at once, with answers on their way.
    const many = Array.from({ length: 30 }, (_, at) => `number ${at}`)
    await say(carillon, amy, conv, many)
    await echoed(many.slice(0, 5))
    await Promise.all([carillon.kill(), kill(process)])
    await carillon.serve()
    line.aim(carillon.url)
    startBot()
    await echoed(many.slice(5))
    await say(carillon, amy, conv, ['the end'])
    expect(await said(stream, bot.user), 'and nothing was said twice').toBe('the end')
    await client.close()
  })
})

describe('the program of the guide that listens', () => {
  it('counts each message once, though it is killed, and answers who asks', async () => {
    await copyFile(join(PACKAGE, 'examples/tally.ts'), join(dir, 'tally.mjs'))
    const program = await carillon.bot('tally')
    const conv = await carillon.group(amy, program)
    const startProgram = () =>
      start('tally.mjs', { CARILLON_URL: line.url, CARILLON_TOKEN: program.token })
    const count = async (): Promise<number | undefined> => {
      const headers = { authorization: `Bearer ${amy.token}`, 'content-type': 'application/json' }
      const url = `${carillon.url}/v1/rpc/app.tally.mine`
      const answer = await fetch(url, { method: 'POST', headers, body: '{}' })
      const { count } = (await answer.json()) as { count?: number }
      return count
    }
    const counted = async (wanted: number) => {
      while (((await count()) ?? -1) < wanted) {}
    }
    let process = startProgram()
    // It listens from its first connection on.
    while (!(await carillon.run(['plugins'])).includes('PROGRAM')) {}
    const texts = Array.from({ length: 20 }, (_, at) => `number ${at}`)
    for (let round = 1; round <= 3; round += 1) {
      await say(carillon, amy, conv, texts)
      await counted(20 * round - 10)
      await kill(process)
      process = startProgram()
    }
    await counted(60)
    await say(carillon, amy, conv, ['the end'])
    await counted(61)
    expect(await count(), 'and none of them twice').toBe(61)
  })
})

describe('an outbox', () => {
  it('of 50 messages written offline arrives once and in order, though the program was killed', async () => {
    const bob = await carillon.person('bob')
    const conv = await carillon.group(bob, amy)
    line.aim(undefined)
    const state = join(dir, 'writer')
    // It says of each message when it is promised to be kept, and is killed after the last one.
    const script = join(PACKAGE, 'tests/server/writer.mjs')
    await copyFile(script, join(dir, 'writer.mjs'))
    const env = { CARILLON_URL: line.url, CARILLON_TOKEN: bob.token, STATE: state, CONV: conv }
    const writer = start('writer.mjs', env)
    const promised: string[] = []
    for await (const line of createInterface({ input: writer.stdout ?? process.stdin })) {
      promised.push(line)
      if (promised.length === 50) await kill(writer)
    }
    const reader = await caughtUp(carillon.options(amy))
    line.aim(carillon.url)
    const options = { ...carillon.options(bob), url: line.url, state: folder(state) }
    const { client, stream } = await caughtUp(options)
    const heard: string[] = []
    while (heard.length < 50) heard.push(await said(reader.stream, bob.user))
    expect(heard).toEqual(promised)
    while (client.outbox.length > 0) await until(stream, 'outbox')
    await client.send(conv, 'the end')
    expect(await said(reader.stream, bob.user), 'and nothing came twice').toBe('the end')
    await Promise.all([client.close(), reader.client.close()])
  })

  it('is sent to the end though the server is killed in the middle', async () => {
    const dan = await carillon.person('dan')
    const conv = await carillon.group(dan, amy)
    const reader = await caughtUp({ ...carillon.options(amy), url: line.url })
    const writer = await caughtUp({ ...carillon.options(dan), url: line.url })
    const texts = Array.from({ length: 400 }, (_, at) => `message ${at}`)
    const sending: Promise<unknown>[] = []
    for (const text of texts) {
      const { sent } = await writer.client.queue({ conv, body: { kind: 'text', text } })
      sending.push(sent)
    }
    await sending[50]
    await carillon.kill()
    expect(writer.client.outbox.length).toBeGreaterThan(0)
    await carillon.serve()
    line.aim(carillon.url)
    await Promise.all(sending)
    const heard: string[] = []
    while (heard.length < texts.length) heard.push(await said(reader.stream, dan.user))
    expect(heard).toEqual(texts)
    await Promise.all([writer.client.close(), reader.client.close()])
  })
})
