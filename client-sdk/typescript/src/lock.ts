/**
 * One program at a time in a folder. A lock is a file whose name tells the process that made it:
 * nothing has to be read, and what a killed program left behind is recognised at once.
 *
 * Announce, then look: of two programs each sees the other's file, or the second one does. A
 * program in another container cannot be seen; the server closes the older of their connections.
 */

import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { local } from './error.ts'

/** Two programs that start at once both step back; so often they try again. */
const TRIES_MAX = 5
/** By chance somewhere within, so that one of them is first. */
const STEP_BACK_MS = 50

const LOCK = /^lock\.(\d+)\.(.*)$/

/** Locks a folder; answers how to unlock it. */
export async function lock(dir: string): Promise<() => Promise<void>> {
  const own = `lock.${process.pid}.${await started(process.pid)}`
  const path = join(dir, own)
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    try {
      await writeFile(path, '', { flag: 'wx', mode: 0o600 })
    } catch (thrown) {
      if (isCode(thrown, 'EEXIST')) break
      throw thrown
    }
    if (!(await othersIn(dir, own))) return () => rm(path, { force: true })
    await rm(path, { force: true })
    await sleep(Math.random() * STEP_BACK_MS)
  }
  throw local('E_STORAGE', `${dir} is in use by another program: stop that one first`)
}

/** Whether another program that runs has a lock there; removes those of programs that do not. */
async function othersIn(dir: string, own: string): Promise<boolean> {
  let others = false
  for (const name of await readdir(dir)) {
    const [, pid, since] = LOCK.exec(name) ?? []
    if (pid === undefined || name === own) continue
    if (runs(Number(pid)) && (await started(Number(pid))) === since) others = true
    else await rm(join(dir, name), { force: true })
  }
  return others
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return isCode(thrown, 'EPERM')
  }
}

/** When a process started, as far as the system tells: ids of processes are used again. */
async function started(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    // The name of the program stands in brackets and may hold anything; field 22 is the time.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${boot.slice(0, 8)}-${ticks}`
  } catch {
    return 'unknown'
  }
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code
}
