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

class NodeWebSocket extends Ws {
  constructor(url: string, protocol: string) {
    super(url, protocol, { maxPayload: FRAME_LENGTH_MAX, perMessageDeflate: false })
  }
}

// Of the standard's interface it has everything that a client uses.
platform.webSocket = NodeWebSocket as unknown as typeof WebSocket
