/**
 * The heartbeat, as a state machine without a clock. It must not take a browser's thrift for a
 * dead server: timers of pages in the background fire once a minute, and those of a page that was
 * frozen fire before what came meanwhile is heard.
 */

/** The shortest heartbeat that is obeyed: a server that announces 0 must not make a busy loop. */
const HEARTBEAT_MS_MIN = 100
/** A timer that is so much late says that the page was not awake, and nothing about the server. */
const LATE_MS = 1_000

/** Sends pings and notices when nothing is heard. */
export class Heart {
  /** When `beat` is to be called. */
  due: number
  readonly #interval: number
  /** When the last ping was sent, if nothing was heard since. */
  #asked: number | undefined
  /** Whether the answer was waited for while the page was not awake. */
  #doubted = false

  /** The first ping is jittered, so that the clients of a restarted server do not ping in step. */
  constructor(hbMs: number, now: number, random: () => number = Math.random) {
    this.#interval = Math.max(hbMs, HEARTBEAT_MS_MIN)
    this.due = now + random() * this.#interval
  }

  /** Anything has come from the server. */
  heard(): void {
    this.#asked = undefined
    this.#doubted = false
  }

  /** At `due` or later: whether to send a ping, or that the server is gone. */
  beat(now: number): 'ping' | 'dead' {
    const late = now - this.due > LATE_MS
    if (this.#asked !== undefined && (!late || this.#doubted)) return 'dead'
    this.#doubted = this.#asked !== undefined
    this.#ask(now, this.#interval)
    return 'ping'
  }

  /** A ping is sent now, and an answer expected within so many milliseconds. */
  probe(now: number, ms: number): void {
    this.#ask(now, Math.min(ms, this.#interval))
  }

  #ask(now: number, wait: number): void {
    this.#asked = now
    this.due = now + wait
  }
}
