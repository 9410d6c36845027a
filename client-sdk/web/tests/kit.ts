import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import {
  type AddressInfo,
  connect,
  createServer as createRelay,
  type Server as Relay,
  type Socket,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import {
  type APIRequestContext,
  type BrowserContextOptions,
  test as base,
  expect,
  type Page,
} from '@playwright/test'

import { Company } from './company.ts'

export { expect, type Page } from '@playwright/test'

const ROOT = resolve(import.meta.dirname, '../../..')
const BINARY = process.env.SERVER_BINARY ?? join(ROOT, 'target/debug/carillon')
/** Everybody's password in the demo company. */
export const PASSWORD = 'harbour-demo'
/** Where screenshots are kept as output of the tests. */
export const PICTURES = join(import.meta.dirname, '../test-results/pictures')

/** The widths that every page is looked at. */
export const WIDTHS = { phone: 320, tablet: 768, desktop: 1440 } as const

/** A server with its own data folder, as a real process. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'carillon-web-'))
  readonly #args: readonly string[]
  readonly #settings: NodeJS.ProcessEnv
  #process: ChildProcess | undefined
  #port = 0
  readonly #tokens = new Map<string, Promise<string>>()
  /** Everything that it printed. */
  printed = ''

  constructor(args: readonly string[] = ['--demo'], settings: NodeJS.ProcessEnv = {}) {
    this.#args = args
    this.#settings = settings
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Starts it, on another port each time, and waits until it listens. */
  async start(): Promise<void> {
    const where = ['--data', join(this.folder, 'data'), '--listen', '127.0.0.1:0']
    const args = ['serve', ...where, ...this.#args]
    const env = { ...process.env, ...this.#settings }
    const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
    this.#process = child
    const lines = createInterface({ input: child.stdout })
    await new Promise<void>((ready, failed) => {
      child.once('error', failed)
      child.once('exit', code => failed(new Error(`the server ended with ${code}`)))
      lines.on('line', line => {
        this.printed += `${line}\n`
        const port = /^listening on https?:\/\/[^:]+:(\d+)/.exec(line)?.[1]
        if (port) this.#port = Number(port)
        if (port) ready()
      })
    })
  }

  /** Ends it: politely, or as a power cut would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(done => child.once('exit', done))
    child.kill(signal)
    await ended
  }

  /** An operation over HTTP, as a program calls it. */
  async call<T>(token: string | undefined, op: string, args: object, cid?: string): Promise<T> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (token) headers.authorization = `Bearer ${token}`
    if (cid) headers['idempotency-key'] = cid
    const request = { method: 'POST', headers, body: JSON.stringify(args) }
    const answer = await fetch(`${this.url}/v1/rpc/${op}`, request)
    const body = await answer.json()
    if (!answer.ok) throw new Error(`${op}: ${JSON.stringify(body)}`)
    return body as T
  }

  /** A person's token, for what the test does behind the pages; each signs in once. */
  token(login: string): Promise<string> {
    const known = this.#tokens.get(login)
    if (known) return known
    const args = { login, password: PASSWORD, label: 'behind the pages' }
    const grant = this.call<{ token: string }>(undefined, 'session.login', args)
    const token = grant.then(({ token }) => token)
    this.#tokens.set(login, token)
    return token
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Tells a figure that was measured. */
export function figure(words: string): void {
  process.stdout.write(`figure: ${words}\n`)
}

/** What must not happen on any page: errors, and violations of the content security policy. */
export class Faults {
  readonly #found: string[] = []
  readonly #allowed: RegExp[] = []

  watch(page: Page): void {
    page.on('pageerror', error => this.#found.push(`error: ${error.message}`))
    page.on('console', message => {
      const { url } = message.location()
      if (message.type() === 'error') this.#found.push(`console: ${message.text()} ${url}`)
    })
    page.on('dialog', dialog => {
      this.#found.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
  }

  /** What a test brings about on purpose, as a lost connection. */
  allow(...patterns: RegExp[]): void {
    this.#allowed.push(...patterns)
  }

  get found(): string[] {
    return this.#found.filter(fault => !this.#allowed.some(pattern => pattern.test(fault)))
  }
}

/**
 * The network between browsers and a server, which can be cut: every connection ends and none is
 * made, as when a laptop is closed or a phone goes into a lift. Or it is only slow. Its address
 * stays when the server comes back on another port.
 */
export class Wire {
  readonly #sockets = new Set<Socket>()
  /** Where what a server's end says goes. */
  readonly #ways = new Map<Socket, Socket>()
  readonly #relay: Relay
  #isCut = false

  constructor(server: Server) {
    this.#relay = createRelay(near => {
      if (this.#isCut) return near.destroy()
      const far = connect(Number(new URL(server.url).port), '127.0.0.1')
      near.pipe(far).pipe(near)
      this.#ways.set(far, near)
      far.on('close', () => this.#ways.delete(far))
      this.#tie(near, far)
      this.#tie(far, near)
    })
  }

  async start(): Promise<string> {
    await new Promise<void>(done => this.#relay.listen(0, '127.0.0.1', done))
    const { port } = this.#relay.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  /** What the server says on the connections there are now waits, until it is let through. */
  hold(): void {
    for (const [far, near] of this.#ways) far.unpipe(near)
  }

  letThrough(): void {
    for (const [far, near] of this.#ways) far.pipe(near)
  }

  dispose(): void {
    this.cut()
    this.#relay.close()
  }

  /** What ends on one side ends on the other. */
  #tie(one: Socket, other: Socket): void {
    this.#sockets.add(one)
    one.on('error', () => other.destroy())
    one.on('close', () => {
      this.#sockets.delete(one)
      other.destroy()
    })
  }
}

/** The language of a new browser: what a test finds on a page is in English. */
const LANGUAGE = 'en'

export interface OpenOptions extends BrowserContextOptions {
  /** The language that the person has chosen. */
  language?: 'en' | 'zh-HK' | 'zh-CN'
  /** The page to begin with. */
  path?: string
}

type Opens = (login: string | undefined, options?: OpenOptions) => Promise<Page>

interface Fixtures {
  faults: Faults
  /** A new browser, with this person of the demo company signed in, or nobody. */
  open: Opens
  /** The demo company, behind the pages. */
  company: Company
  /** A network to the server, for browsers that open its `address`. */
  wire: Wire
  address: string
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
    async ({}, use) => {
      const server = new Server()
      await server.start()
      await use(server)
      await server.stop()
      server.dispose()
    },
    { scope: 'worker' },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
  faults: async ({}, use) => {
    const faults = new Faults()
    await use(faults)
    expect(faults.found).toEqual([])
  },
  company: async ({ server }, use) => use(new Company(server)),
  wire: async ({ server }, use) => {
    const wire = new Wire(server)
    await use(wire)
    wire.dispose()
  },
  address: ({ wire }, use) => wire.start().then(use),
  open: async ({ browser, server, faults }, use) => {
    const opened: { close(): Promise<void> }[] = []
    await use(async (login, { language = LANGUAGE, path = '/', ...options } = {}) => {
      const baseURL = options.baseURL ?? server.url
      const context = await browser.newContext({ ...options, baseURL })
      opened.push(context)
      if (login) await signIn(context.request, baseURL, login, language)
      const page = await context.newPage()
      faults.watch(page)
      await page.goto(path)
      return page
    })
    for (const context of opened) await context.close()
  },
})

/** Gives a browser the cookie of a person who speaks this language. */
async function signIn(
  request: APIRequestContext,
  origin: string,
  login: string,
  locale: string,
): Promise<void> {
  const call = async (op: string, data: object) => {
    const answer = await request.post(`/v1/rpc/${op}`, { data, headers: { origin } })
    expect(answer.ok(), await answer.text()).toBe(true)
  }
  await call('session.login', { login, password: PASSWORD, label: `test of ${login}` })
  await call('org.member.update', { locale })
}
