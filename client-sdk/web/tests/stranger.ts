import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Another site on the same machine: for a browser's cookies it is the same one. */
export class Stranger {
  readonly #server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8')
    answer.end('<!doctype html><title>elsewhere</title><body>')
  })

  async start(): Promise<string> {
    await new Promise<void>(done => this.#server.listen(0, '127.0.0.1', done))
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  dispose(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
