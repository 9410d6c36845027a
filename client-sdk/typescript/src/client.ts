/** The handle that a program holds. */

import { CarillonError, local } from './error.ts'
import type { Connection, Update } from './events.ts'
import type { Args, Op, Reply } from './http.ts'
import { newId, replyCid } from './id.ts'
import type { Options } from './options.ts'
import { type Receipt, storageError } from './outbox.ts'
import type { Cid, ConvId, Event, MsgBody, MsgSend, MsgSent, UserId, Welcome } from './protocol.ts'
import { memory, type Queued } from './state.ts'
import { type CallOptions, Task } from './task.ts'

/** What a message may have besides its text. */
export interface SendOptions {
  /** Who is mentioned in a text, at most 200; a body says it itself. */
  mentions?: UserId[]
  /** The `seq` of the message that this one answers. */
  replyTo?: number
}

/**
 * A signed-in client: connects and comes back, resumes where it was, keeps a persistent outbox,
 * fills gaps, and offers every operation as a typed call.
 */
export class Client {
  readonly #task: Task

  private constructor(task: Task) {
    this.#task = task
  }

  /**
   * Opens the state and connects in the background: it resolves before the client is online, and
   * works offline.
   *
   * @throws {CarillonError} if the address or the state cannot be used.
   */
  static async open(options: Options): Promise<Client> {
    const store = await (options.state ?? memory()).open().catch(rethrow)
    try {
      const task = new Task(options, store)
      await task.start()
      return new Client(task)
    } catch (thrown) {
      await store.close()
      throw storageError(thrown)
    }
  }

  /**
   * As `open`, and waits until the client is online for the first time, however long that takes.
   *
   * @throws {CarillonError} as `open`; and if the server refuses the token or the client.
   */
  static async connect(options: Options): Promise<Client> {
    const client = await Client.open(options)
    try {
      await client.#task.welcomed
      return client
    } catch (thrown) {
      await client.close()
      throw thrown
    }
  }

  /**
   * Who the client is: known since the first connection, also of an earlier run with this state.
   *
   * @throws {CarillonError} `E_OFFLINE` before.
   */
  get me(): UserId {
    const me = this.#task.welcome?.user ?? this.#task.store.owner
    if (me === undefined) throw local('E_OFFLINE', 'who this is will be known once it is online')
    return me
  }

  /** What the server said when the client connected last; `undefined` before the first time. */
  get welcome(): Welcome | undefined {
    return this.#task.welcome
  }

  /** The connection, now; `listen` tells of changes. */
  get connection(): Connection {
    return this.#task.link.connection
  }

  /**
   * Asks an operation. Waits while there is no connection; asks again, with the same `cid`, when
   * the connection was lost or the server says so.
   *
   * What makes a token or a link each time (`session.token`, `session.issue`, `org.invite.create`,
   * `bot.rotate`, `bot.update`, `room.link`, `room.enter`) is not asked again: when the answer was
   * lost, it fails with `E_TIMEOUT_UNKNOWN`.
   *
   * @throws {CarillonError} if the server refuses, or the client is closed; `E_BUSY` if 256 calls
   * wait already. With a signal that is aborted, the signal's reason.
   */
  async call<O extends Op>(op: O, args: Args<O>, how: CallOptions = {}): Promise<Reply<O>> {
    return (await this.#task.call(op, args, how)) as Reply<O>
  }

  /**
   * Writes a message through the outbox and waits for the server's answer: in order within the
   * conversation, exactly once, across lost connections and, with a state that lasts, restarts.
   *
   * @throws {CarillonError} if the outbox cannot take the message, the server refuses it, or the
   * client is closed. A refused message stays in the outbox until it is discarded.
   */
  async send(conv: ConvId, said: string | MsgBody, more: SendOptions = {}): Promise<MsgSent> {
    const { sent } = await this.queue(message(conv, said, more))
    return sent
  }

  /**
   * Gives a message to the outbox; resolves as soon as it is on disk. Messages are sent in the
   * order of these calls. A `cid` of the program's own makes an intent that it may repeat: however
   * often it is given, the message is written once. A refused one is tried again by that.
   *
   * @throws {CarillonError} `E_TOO_LARGE` if it is larger than a frame may be, `E_OUTBOX_FULL` if
   * 1,000 messages wait already, `E_STORAGE` if it cannot be kept, or the client is closed.
   */
  queue(message: MsgSend, cid: Cid = newId()): Promise<Receipt> {
    return this.#task.outbox.queue(message, cid)
  }

  /**
   * Answers a message once: the `cid` follows from the message and the one who answers, so that a
   * program which meets the message again after a crash does not answer again.
   *
   * @throws {CarillonError} as `send`; also if the event is not of a conversation.
   */
  async reply(to: Event, text: string): Promise<MsgSent> {
    if (!to.topic.startsWith('c:')) {
      const msg = `${to.topic} is not a conversation: reply to an event of one`
      throw new CarillonError({ code: 'E_BAD_ARG', field: 'to', msg, retry: 'no' })
    }
    const answer = message(to.topic.slice(2), text, { replyTo: to.seq })
    const { sent } = await this.queue(answer, replyCid(to.id, this.me))
    return sent
  }

  /**
   * The messages that are not answered, and the last 100 that were refused; oldest first. Every
   * window with this state sees the same. A new array after each change.
   */
  get outbox(): readonly Queued[] {
    return this.#task.outbox.entries
  }

  /** Forgets a refused message; nothing happens to any other. */
  discard(cid: Cid): Promise<void> {
    return this.#task.outbox.discard(cid)
  }

  /**
   * Calls a function with every update, at once and in order: for user interfaces, whose screen is
   * empty at the start. The first listener also hears what happened since the client was opened, a
   * moment later. Nobody's progress is kept: each start begins with a `topic` of every topic.
   *
   * @returns how to stop.
   */
  listen(listener: (update: Update) => void): () => void {
    return this.#task.feed.listen(listener)
  }

  /**
   * The stream of updates for a program that has to deal with every one, also across restarts: an
   * update counts as dealt with when the next is asked for, and a state that lasts keeps that. The
   * first updates wait for it, and a slow reader finds the rest in the log. There is one reader.
   *
   * The stream ends when the client is closed, and throws if the server ends it for good. A program
   * that wants no updates says so by a listener that does nothing: behind a full queue the client
   * cannot catch up.
   */
  events(): AsyncIterableIterator<Update> {
    return this.#task.feed.read()
  }

  /**
   * Tries at once to connect; a connection that is there is asked for a sign of life, and left if
   * there is none within 5 s. For when the network came back, or the page became visible.
   */
  reconnect(): void {
    this.#task.link.reconnect()
  }

  /**
   * Closes the client: the reader has dealt with every update that it took, progress is written,
   * the server is told. Messages in the outbox stay there.
   */
  close(): Promise<void> {
    return this.#task.close()
  }
}

function message(
  conv: ConvId,
  said: string | MsgBody,
  { mentions, replyTo }: SendOptions,
): MsgSend {
  const text = { kind: 'text', text: String(said), ...(mentions?.length && { mentions }) } as const
  const body = typeof said === 'string' ? text : said
  return { conv, body, ...(replyTo !== undefined && { reply_to: replyTo }) }
}

function rethrow(thrown: unknown): never {
  throw storageError(thrown)
}
