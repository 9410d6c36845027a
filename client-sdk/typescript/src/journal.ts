/**
 * The files of a state folder: the outbox as an append-only file of JSON lines, and the progress.
 *
 * `outbox.jsonl` has a line for each message that was taken and one for each that was answered. A
 * line counts when it ends: one that a crash has torn off was never promised to anybody.
 * `progress.json` is replaced as a whole.
 */

import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type Timer } from './clock.ts'
import { local, reasonOf } from './error.ts'
import type { Cid, DeviceId, ErrorBody, UserId } from './protocol.ts'
import type { Progress, Queued } from './state.ts'

const OUTBOX = 'outbox.jsonl'
const PROGRESS = 'progress.json'
/** The outbox's file is written anew when it has so many lines more than twice what is needed. */
const LINES_SPARE = 1_000
/** After a failed write, when the file is put right. */
const MEND_MS = 1_000
/** What is made holds the texts of messages: nobody else on the machine reads it. */
const PRIVATE = 0o600

/** A line of the outbox's file. */
export type Line =
  /** A message was taken. */
  | { queued: Queued }
  /** It was refused for good, and is kept. */
  | { refused: { cid: Cid; error: ErrorBody } }
  /** It was answered, or discarded. */
  | { gone: Cid }

/** The progress, and whose it is. */
export interface Identity extends Progress {
  device: DeviceId
  owner?: UserId
}

/** What the files held. */
export interface Restored {
  journal: Journal
  entries: Queued[]
  identity: Identity | undefined
}

interface Batch {
  lines: Line[]
  /** What follows from each line once it is in the file. */
  then: (() => void)[]
  done: Promise<void>
}

/** The open files. */
export class Journal {
  readonly #dir: string
  #outbox: FileHandle
  /** How many lines the outbox's file has. */
  #lines: number
  /** Every message, for a file that is written anew. */
  readonly #entries: () => Queued[]
  /** What gathers while a batch is being written. */
  #next: Batch | undefined
  #writing: Promise<unknown> = Promise.resolve()
  /** A batch may lie in the file in part: the next one writes the file anew. */
  #torn = false
  #mending: Timer | undefined

  private constructor(dir: string, outbox: FileHandle, lines: number, entries: () => Queued[]) {
    this.#dir = dir
    this.#outbox = outbox
    this.#lines = lines
    this.#entries = entries
  }

  /** Opens the files of a folder; `entries` is asked for every message that is kept. */
  static async open(dir: string, entries: () => Queued[]): Promise<Restored> {
    const identity = await readIdentity(dir)
    const outbox = await openOutbox(dir)
    try {
      const bytes = await readFile(join(dir, OUTBOX))
      const whole = bytes.lastIndexOf(0x0a) + 1
      if (whole < bytes.length) await outbox.truncate(whole)
      // A promise is on disk only if the name of its file is.
      await syncFolder(dir)
      const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1)
      const journal = new Journal(dir, outbox, lines.length, entries)
      return { journal, entries: restore(lines), identity }
    } catch (thrown) {
      await outbox.close()
      throw thrown
    }
  }

  /**
   * Adds a line; `then` follows once it is in the file, before any line after it. When this
   * resolves, a promise is on disk.
   */
  append(line: Line, then: () => void): Promise<void> {
    this.#next ??= this.#batch()
    this.#next.lines.push(line)
    this.#next.then.push(then)
    return this.#next.done
  }

  #batch(): Batch {
    const lines: Line[] = []
    const then: (() => void)[] = []
    const done = this.#after(async () => {
      this.#next = undefined
      await this.#write(lines)
      for (const follow of then) follow()
    })
    return { lines, then, done }
  }

  /** Runs work after what is being written. */
  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(work)
    this.#writing = done.catch(() => {})
    return done
  }

  async #write(lines: Line[]): Promise<void> {
    const entries = this.#entries()
    const spare = this.#lines + lines.length > 2 * entries.length + LINES_SPARE
    try {
      if (this.#torn || spare) await this.#rewrite(entries, lines)
      else await this.#extend(lines)
      this.#torn = false
    } catch (thrown) {
      this.#torn = true
      this.#mendSoon()
      throw thrown
    }
  }

  async #extend(lines: Line[]): Promise<void> {
    await this.#outbox.appendFile(text(lines))
    this.#lines += lines.length
    // An answer that is forgotten in a crash is asked for again: only a promise needs the disk.
    if (lines.some(line => 'queued' in line)) await this.#outbox.datasync()
  }

  async #rewrite(entries: Queued[], lines: Line[]): Promise<void> {
    const all = [...entries.flatMap(linesOf), ...lines]
    await replace(this.#dir, OUTBOX, text(all))
    await this.#outbox.close()
    this.#outbox = await openOutbox(this.#dir)
    this.#lines = all.length
  }

  /** A message that was reported as failed may lie in the file: it does not stay there. */
  #mendSoon(): void {
    clearTimeout(this.#mending)
    this.#mending = after(MEND_MS, () => {
      this.#after(() => this.#write([])).catch(() => {})
    })
  }

  /** Replaces the progress. */
  save(identity: Identity): Promise<void> {
    return this.#after(() => replace(this.#dir, PROGRESS, JSON.stringify(identity)))
  }

  /** Closes the files after what is being written. */
  async close(): Promise<void> {
    clearTimeout(this.#mending)
    await this.#writing
    if (this.#torn) await this.#after(() => this.#write([])).catch(() => {})
    clearTimeout(this.#mending)
    await this.#outbox.close()
  }
}

async function readIdentity(dir: string): Promise<Identity | undefined> {
  let json: string
  try {
    json = await readFile(join(dir, PROGRESS), 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
  return parse(PROGRESS, json)
}

function openOutbox(dir: string): Promise<FileHandle> {
  return open(join(dir, OUTBOX), 'a', PRIVATE)
}

async function syncFolder(dir: string): Promise<void> {
  // Windows does not let a folder be opened.
  if (process.platform === 'win32') return
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Puts a new file in the place of an old one; after a crash there is the one or the other. */
async function replace(dir: string, name: string, content: string): Promise<void> {
  const path = join(dir, name)
  const file = await open(`${path}.new`, 'w', PRIVATE)
  try {
    await file.writeFile(content)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  // The rename is on disk when the folder is.
  await syncFolder(dir)
}

function text(lines: Line[]): string {
  return lines.map(line => `${JSON.stringify(line)}\n`).join('')
}

function linesOf({ refused, ...queued }: Queued): Line[] {
  const line = { queued }
  return refused ? [line, { refused: { cid: queued.cid, error: refused } }] : [line]
}

/** The messages that are not answered, oldest first. */
function restore(lines: string[]): Queued[] {
  const entries = new Map<Cid, Queued>()
  lines.forEach((json, at) => {
    const line = parse<Line>(`${OUTBOX} line ${at + 1}`, json)
    if ('queued' in line) {
      entries.delete(line.queued.cid)
      entries.set(line.queued.cid, line.queued)
    } else if ('refused' in line) {
      const entry = entries.get(line.refused.cid)
      if (entry) entries.set(entry.cid, { ...entry, refused: line.refused.error })
    } else {
      entries.delete(line.gone)
    }
  })
  return [...entries.values()]
}

function parse<T>(what: string, json: string): T {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value !== 'object' || value === null) throw new Error('expected an object')
    return value as T
  } catch (thrown) {
    throw local('E_STORAGE', `${what} is damaged: ${reasonOf(thrown)}`, thrown)
  }
}
