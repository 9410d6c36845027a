/**
 * A TCP proxy between clients and a server: an address that stays while servers come and go, and a
 * line that can be cut and stopped.
 */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

interface Line {
  client: Socket
  server: Socket
}

/** A proxy; its connections end with it. */
export class Proxy {
  readonly #server: Server
  readonly #lines = new Set<Line>()
  #target: number | undefined
  /** After how many bytes in both directions a line is cut. */
  readonly #life: () => number
  cuts = 0

  private constructor(life: () => number) {
    this.#life = life
    this.#server = createServer(client => this.#accept(client))
  }

  /** A proxy that cuts each line after as many bytes as `life` says. */
  static async start(life: () => number = () => Number.POSITIVE_INFINITY): Promise<Proxy> {
    const proxy = new Proxy(life)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The server; while there is none, connections end as soon as they are made. */
  aim(url: string | undefined): void {
    this.#target = url === undefined ? undefined : Number(new URL(url).port)
    if (url === undefined) this.cut()
  }

  #accept(client: Socket): void {
    client.on('error', () => {})
    if (this.#target === undefined) {
      client.destroy()
      return
    }
    const server = connect(this.#target, '127.0.0.1')
    server.on('error', () => {})
    const line = { client, server }
    this.#lines.add(line)
    let left = this.#life()
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('close', () => this.#end(line))
      from.on('data', (bytes: Buffer) => {
        const passed = bytes.subarray(0, left)
        left -= passed.length
        if (to.writable) to.write(passed)
        if (left > 0) return
        this.cuts += 1
        this.#end(line)
      })
    }
  }

  #end(line: Line): void {
    this.#lines.delete(line)
    line.client.destroy()
    line.server.destroy()
  }

  /** Cuts every line. */
  cut(): void {
    for (const line of this.#lines) {
      this.cuts += 1
      this.#end(line)
    }
  }

  /** Takes nothing from the server any more, or again. */
  stall(stalled: boolean): void {
    for (const { server } of this.#lines) {
      if (stalled) server.pause()
      else server.resume()
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }
}
