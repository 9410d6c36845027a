/**
 * The TypeScript client of Carillon for Node: what `@carillon/client` has, a WebSocket, and a
 * state that is kept in a folder.
 */

import { WebSocket as Ws } from 'ws'
import { platform } from './socket.ts'

export { folder } from './folder.ts'
export * from './index.ts'

/** A server's frame holds at most so many bytes: a page of 200 messages of the full length fits. */
const FRAME_LENGTH_MAX = 16 * 1024 * 1024

/** The server is told of the end if it listens; the program does not wait longer for that. */
const CLOSE_TIMEOUT_MS = 1_000

class NodeWebSocket extends Ws {
  constructor(url: string, protocol: string) {
    const options = { closeTimeout: CLOSE_TIMEOUT_MS, perMessageDeflate: false }
    super(url, protocol, { ...options, maxPayload: FRAME_LENGTH_MAX })
  }
}

// Of the standard's interface it has everything that a client uses.
platform.webSocket = NodeWebSocket as unknown as typeof WebSocket
