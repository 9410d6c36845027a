/** The state folder through restarts, torn lines, rewrites and other programs. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { folder } from '../src/folder.ts'
import { OUTBOX_LENGTH_MAX, type Queued, type Store } from '../src/state.ts'
import { error, id, ME, say, sent, TOPIC, YOU } from './kit.ts'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'carillon-client-'))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

const outbox = () => join(dir, 'outbox.jsonl')

function open(path = dir): Promise<Store> {
  return folder(path).open()
}

function queued(number: number): Queued {
  const message = say(`message ${number}\n🔔`)
  return { cid: id(number), conv: message.conv, message, queuedAt: number }
}

async function add(store: Store, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from + 1 }, (_, at) => from + at)
  await Promise.all(numbers.map(number => store.add(queued(number))))
}

/** Which messages are kept. */
async function kept(store: Store): Promise<number[]> {
  const { entries } = await store.kept([])
  return entries.map(({ queuedAt }) => queuedAt)
}

/** What the next program finds. */
async function reopened(path = dir): Promise<number[]> {
  const store = await open(path)
  const found = await kept(store)
  await store.close()
  return found
}

async function lines(): Promise<string[]> {
  return (await readFile(outbox(), 'utf8')).split('\n').slice(0, -1)
}

describe('the state folder', () => {
  it('has after a restart what was not answered, and what was refused', async () => {
    const store = await open()
    await add(store, 1, 4)
    await store.settle(id(2), { sent: sent(2) })
    await store.settle(id(3), { refused: error('E_MUTED') })
    await store.close()
    const again = await open()
    const { entries } = await again.kept([])
    expect(entries).toEqual([queued(1), { ...queued(3), refused: error('E_MUTED') }, queued(4)])
    await again.discard(id(1))
    expect(await kept(again), 'only what was refused is discarded').toEqual([1, 3, 4])
    await again.discard(id(3))
    await again.close()
    expect(await reopened()).toEqual([1, 4])
  })

  it('has a message on the disk before it promises to keep it, and forgets answers in a crash', async () => {
    const store = await open()
    const handle = await openFile(outbox())
    const datasync = vi.spyOn(Object.getPrototypeOf(handle), 'datasync')
    await Promise.all([store.add(queued(1)), store.add(queued(2))])
    expect(datasync, 'once for both').toHaveBeenCalledTimes(1)
    await store.settle(id(1), { sent: sent(1) })
    expect(datasync).toHaveBeenCalledTimes(1)
    datasync.mockRestore()
    await handle.close()
    await store.close()
  })

  it('takes a message once, and a refused one anew', async () => {
    const store = await open()
    await Promise.all([store.add(queued(1)), store.add(queued(1)), store.add(queued(2))])
    expect(await lines()).toHaveLength(2)
    await store.settle(id(1), { refused: error('E_MUTED') })
    await store.add(queued(1))
    await store.close()
    expect(await reopened()).toEqual([2, 1])
  })

  it('keeps answers for those who wait for them', async () => {
    const store = await open()
    await add(store, 1, 1)
    await store.settle(id(1), { sent: sent(7) })
    expect((await store.kept([id(1)])).answers.get(id(1))).toEqual(sent(7))
    await store.close()
  })

  it('is bounded', async () => {
    const store = await open()
    await add(store, 1, OUTBOX_LENGTH_MAX)
    await expect(store.add(queued(0))).rejects.toMatchObject({ code: 'E_OUTBOX_FULL' })
    await store.settle(id(1), { refused: error('E_MUTED') })
    await store.add(queued(0))
    await expect(store.add(queued(-1))).rejects.toMatchObject({ code: 'E_OUTBOX_FULL' })
    await store.close()
  })

  it('is written anew when most of its lines are of no use', async () => {
    const store = await open()
    for (let round = 0; round < 4; round += 1) {
      const from = round * 200 + 1
      await add(store, from, from + 199)
      const numbers = Array.from({ length: 200 }, (_, at) => from + at)
      await Promise.all(numbers.map(number => store.settle(id(number), { sent: sent(number) })))
    }
    await add(store, 901, 902)
    expect((await lines()).length).toBeLessThan(1_010)
    await store.close()
    expect(await reopened()).toEqual([901, 902])
  })

  it('keeps the device, the person and the progress, replaced as a whole', async () => {
    const first = await open()
    const { device } = first
    expect([first.owner, await first.claim(ME)]).toEqual([undefined, ME])
    await first.save({ sync: 's1', topics: { [TOPIC]: 7 } })
    await first.close()
    const second = await open()
    expect(second).toMatchObject({
      device,
      owner: ME,
      progress: { sync: 's1', topics: { [TOPIC]: 7 } },
    })
    expect(await second.claim(YOU)).toBe(ME)
    await second.close()
  })

  it('says which line is damaged, and loses nothing in silence', async () => {
    const store = await open()
    await add(store, 1, 2)
    await store.close()
    await writeFile(outbox(), (await readFile(outbox(), 'utf8')).replace('{"queued"', '"queued"'))
    await expect(open()).rejects.toThrow('outbox.jsonl line 1 is damaged')
    await writeFile(join(dir, 'progress.json'), 'x')
    await expect(open()).rejects.toMatchObject({ code: 'E_STORAGE' })
  })

  it('is for its owner only', async () => {
    const store = await open()
    await store.claim(ME)
    for (const name of await readdir(dir)) {
      expect((await stat(join(dir, name))).mode & 0o777, name).toBe(0o600)
    }
    await store.close()
  })

  it('keeps the whole lines before a cut, wherever that is', async () => {
    const full = join(dir, 'full')
    const store = await open(full)
    await add(store, 1, 5)
    await store.close()
    const bytes = await readFile(join(full, 'outbox.jsonl'))
    let runs = 0
    const property = fc.asyncProperty(fc.nat({ max: bytes.length }), async cut => {
      runs += 1
      const path = join(dir, String(runs))
      await mkdir(path)
      await writeFile(join(path, 'outbox.jsonl'), bytes.subarray(0, cut))
      const whole = bytes.subarray(0, cut).filter(byte => byte === 0x0a).length
      const before = Array.from({ length: whole }, (_, at) => at + 1)
      const torn = await open(path)
      expect(await kept(torn)).toEqual(before)
      // What is written after the cut begins a line of its own.
      await torn.add(queued(9))
      await torn.close()
      expect(await reopened(path)).toEqual([...before, 9])
    })
    await fc.assert(property, { numRuns: 64 })
  })

  it('reports what cannot be written, and does not keep that', async () => {
    const store = await open()
    await add(store, 1, 1)
    // A file that is written anew is written beside the old one first.
    await mkdir(`${outbox()}.new`)
    const numbers = Array.from({ length: 1_005 }, (_, at) => at + 2)
    const failed = new Set<number>()
    for (const number of numbers.slice(0, 600)) {
      await store.add(queued(number)).catch(() => failed.add(number))
      await store.settle(id(number), { sent: sent(number) }).catch(() => {})
    }
    expect(failed.size).toBeGreaterThan(0)
    await rm(`${outbox()}.new`, { recursive: true })
    await store.close()
    expect((await reopened()).filter(number => failed.has(number))).toEqual([])
  })
})

describe('a folder', () => {
  it('serves one client at a time', async () => {
    const store = await open()
    await expect(open()).rejects.toThrow('in use by another program')
    await store.close()
    expect(await reopened()).toEqual([])
    expect((await readdir(dir)).filter(name => name.startsWith('lock'))).toEqual([])
  })

  it('serves one program at a time, and the next at once when that was killed', async () => {
    const script = `
      import { folder } from '@carillon/client/node'
      await folder(process.argv[1]).open()
      console.log('it has the folder')
      setInterval(() => {}, 1_000_000)
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir])
    await once(child.stdout, 'data')
    await expect(open()).rejects.toMatchObject({ code: 'E_STORAGE' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await reopened()).toEqual([])
  })

  it('is not held by a process that has the number of one that is gone', async () => {
    await writeFile(join(dir, `lock.${process.ppid}.00000000-1`), '')
    expect(await reopened()).toEqual([])
  })

  it('of two that come at once goes to one, or to none', async () => {
    const stores = await Promise.allSettled([open(), open()])
    const opened = stores.filter(({ status }) => status === 'fulfilled')
    expect(opened.length).toBeLessThanOrEqual(1)
    for (const result of stores) if (result.status === 'fulfilled') await result.value.close()
  })

  it('that cannot be written is an error of the state', async () => {
    await writeFile(join(dir, 'file'), '')
    await expect(open(join(dir, 'file'))).rejects.toThrow('EEXIST')
  })
})
