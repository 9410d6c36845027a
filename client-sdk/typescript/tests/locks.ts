/**
 * The part of Web Locks that the client uses, for Node, which has none: one holder a name, those
 * who wait in line, and `steal`. The browser tests of the web app run the real one.
 */

interface Request {
  begin: () => void
  steal: () => void
}

class Locks {
  readonly #lines = new Map<string, Request[]>()

  request<T>(
    name: string,
    { steal = false, signal }: { steal?: boolean; signal?: AbortSignal },
    work: () => Promise<T> | T,
  ): Promise<T> {
    const line = this.#lines.get(name) ?? []
    this.#lines.set(name, line)
    return new Promise((resolve, reject) => {
      const leave = () => {
        const at = line.indexOf(own)
        if (at < 0) return
        line.splice(at, 1)
        if (at === 0) line[0]?.begin()
      }
      const own: Request = {
        begin: () => {
          Promise.resolve().then(work).then(resolve, reject).finally(leave)
        },
        steal: () => {
          line.splice(line.indexOf(own), 1)
          reject(new DOMException('the lock was taken', 'AbortError'))
        },
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', () => {
        // A lock that is held is not given back by that.
        if (line.indexOf(own) <= 0) return
        leave()
        reject(signal.reason)
      })
      if (steal) {
        line[0]?.steal()
        line.unshift(own)
      } else {
        line.push(own)
      }
      if (line[0] === own) own.begin()
    })
  }
}

/** Gives this process the locks of a browser. */
export function installLocks(): void {
  Object.defineProperty(globalThis, 'navigator', {
    value: { locks: new Locks() },
    configurable: true,
  })
}

/** Makes this process a browser that did not get its page over HTTPS. */
export function removeLocks(): void {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
}
