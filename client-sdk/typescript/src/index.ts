/**
 * The TypeScript client of Carillon, for browsers; `@carillon/client/node` is the same for Node.
 *
 * - `Client.call` asks any operation, `rpc` does without a connection.
 * - `Client.send` writes a message through the outbox: in order, exactly once.
 * - `Client.listen` and `Client.events` tell what happens.
 */

export { body, button, link, text } from './chat.ts'
export { Client, type SendOptions } from './client.ts'
export { CarillonError, type LocalCode, type Refusal } from './error.ts'
export type { Connection, Update } from './events.ts'
export type { Handler, Handlers } from './handlers.ts'
export { type Args, type Op, type Reply, type RpcOptions, rpc } from './http.ts'
export { newId } from './id.ts'
export { indexedDb } from './indexeddb.ts'
export type { Listener } from './listener.ts'
export type { Options } from './options.ts'
export type { Receipt } from './outbox.ts'
export * from './protocol.ts'
export {
  type Answer,
  type Kept,
  memory,
  type Progress,
  type Queued,
  type State,
  type Store,
  type Turn,
} from './state.ts'
export type { CallOptions } from './task.ts'
