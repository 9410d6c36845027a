/**
 * The line between clients and a server, a TCP proxy: its address stays while servers come and go,
 * and its connections can be cut and stopped.
 */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

interface Connection {
  client: Socket
  server: Socket
}

/** A line; its connections end with it. */
export class Line {
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #target: number | undefined
  /** After how many bytes in both directions a connection is cut. */
  readonly #life: () => number
  cuts = 0

  private constructor(life: () => number) {
    this.#life = life
    this.#server = createServer(client => this.#accept(client))
  }

  /** A line that cuts each connection after as many bytes as `life` says. */
  static async start(life: () => number = () => Number.POSITIVE_INFINITY): Promise<Line> {
    const line = new Line(life)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
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
    const connection = { client, server }
    this.#connections.add(connection)
    let left = this.#life()
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('close', () => this.#end(connection))
      from.on('data', (bytes: Buffer) => {
        const passed = bytes.subarray(0, left)
        left -= passed.length
        if (to.writable) to.write(passed)
        if (left > 0) return
        this.cuts += 1
        this.#end(connection)
      })
    }
  }

  #end(connection: Connection): void {
    this.#connections.delete(connection)
    connection.client.destroy()
    connection.server.destroy()
  }

  /** Cuts every connection. */
  cut(): void {
    for (const connection of this.#connections) {
      this.cuts += 1
      this.#end(connection)
    }
  }

  /** Takes nothing from the server any more, or again. */
  stall(stalled: boolean): void {
    for (const { server } of this.#connections) {
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
