/** The shipped server as a process of its own, and the command line beside it. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client, newId, type Options, rpc, type Update } from '../../src/node.ts'
import type { ConvId, UserId } from '../../src/protocol.ts'
import { until } from '../kit.ts'

const BUILT = fileURLToPath(new URL('../../../../target/debug/carillon', import.meta.url))
const PROGRAM = process.env.CARILLON_BIN ?? BUILT

/** The server refuses settings that it does not know: the tests' own are none of it. */
export function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('CARILLON_'))
  return { ...Object.fromEntries(others), ...more }
}

/** A person with a token. */
export interface Person {
  user: UserId
  token: string
}

/** A server with a data folder that outlives it. */
export class Carillon {
  readonly data: string
  url = ''
  #child: ChildProcess | undefined

  private constructor(data: string) {
    this.data = data
  }

  /** Starts a server with an organisation. */
  static async start(): Promise<Carillon> {
    if (!existsSync(PROGRAM)) {
      throw new Error(`there is no ${PROGRAM}: build it, or name another one in CARILLON_BIN`)
    }
    const carillon = new Carillon(await mkdtemp(join(tmpdir(), 'carillon-server-')))
    await carillon.run(['org', 'add', '--name', 'Harbour'])
    await carillon.serve()
    return carillon
  }

  /** Starts it, on a port that was free; ready when it says where it listens. */
  async serve(): Promise<void> {
    const limits = {
      CARILLON_LIMITS__WRITES_PER_S: '100000',
      CARILLON_LIMITS__READS_PER_S: '100000',
    }
    const env = environment({ ...limits, CARILLON_LOG__LEVEL: 'warn' })
    const args = ['serve', '--listen', '127.0.0.1:0', '--data', this.data]
    const child = spawn(PROGRAM, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    // Read for ever: a server must be able to print.
    const lines = createInterface({ input: child.stdout })
    this.url = await new Promise((resolve, reject) => {
      lines.on('line', line => {
        const [, url] = /listening on (\S+)/.exec(line) ?? []
        if (url !== undefined) resolve(url)
      })
      child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
    })
    while (!(await fetch(`${this.url}/readyz`)).ok) {}
  }

  /** Ends it between any two of its instructions. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.data, { recursive: true, force: true })
  }

  /** Runs a command, beside the server or without one; answers what it printed. */
  run(args: string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const all = ['--data', this.data, ...args]
      const child = execFile(PROGRAM, all, { env: environment() }, (error, stdout, stderr) => {
        if (error) reject(new Error(`carillon ${args.join(' ')}: ${stderr}`))
        else resolve(stdout.trim())
      })
      child.stdin?.end(input)
    })
  }

  async person(login: string): Promise<Person> {
    const user = await this.run(['user', 'add', '--login', login, '--name', login])
    return { user, token: await this.run(['token', '--user', login]) }
  }

  async bot(name: string): Promise<Person> {
    const token = await this.run(['token', '--app', name])
    const { user } = await rpc(this.url, 'session.whoami', {}, { token })
    return { user, token }
  }

  /** A group of these people; the first one makes it. */
  async group(...people: [Person, ...Person[]]): Promise<ConvId> {
    const [{ token }, ...others] = people
    const members = others.map(({ user }) => user)
    const { conv } = await rpc(this.url, 'conv.create', { title: 'Shop', members }, { token })
    return conv
  }

  options({ token }: Person, more: Partial<Options> = {}): Options {
    return { url: this.url, token, ...more }
  }
}

/** A client that is caught up, with what it hears from then on. */
export async function caughtUp(
  options: Options,
): Promise<{ client: Client; stream: AsyncIterableIterator<Update> }> {
  const client = await Client.connect(options)
  const stream = client.events()
  await until(stream, 'synced')
  return { client, stream }
}

/** Writes messages at once, in order, over HTTP's own door; answers when all are on disk. */
export async function say(
  carillon: Carillon,
  { token }: Person,
  conv: ConvId,
  texts: string[],
): Promise<void> {
  for (const text of texts) {
    const args = { conv, body: { kind: 'text', text } } as const
    await rpc(carillon.url, 'msg.send', args, { token, cid: newId() })
  }
}
