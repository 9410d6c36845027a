/** A list of the server's, page by page, and again when something in it has changed. */

import { createStore } from 'zustand/vanilla'

/** What the server answers. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Whether there are more. */
  readonly more: boolean
}

/** What there is so far. */
export interface Listed<T> {
  /** Absent until the first page is there. */
  readonly items: readonly T[] | undefined
  readonly more: boolean
  /** Whether an answer is on its way. */
  readonly loading: boolean
  /** Why the last answer did not come. */
  readonly error: unknown
}

export class Pages<T> {
  readonly list = createStore<Listed<T>>(() => ({
    items: undefined,
    more: true,
    loading: false,
    error: undefined,
  }))
  readonly #ask: (after: T | undefined) => Promise<Page<T>>
  /** Something changed while an answer was on its way. */
  #stale = false

  /** @param ask fetches the page after this one, or the first */
  constructor(ask: (after: T | undefined) => Promise<Page<T>>) {
    this.#ask = ask
  }

  /** Fetches the next page, unless one is on its way. */
  async next(): Promise<void> {
    const { items = [], more, loading } = this.list.getState()
    if (loading || !more) return
    await this.#fetch(() => this.#longer(items))
  }

  /** Fetches again what is there, because something has changed. */
  async again(): Promise<void> {
    const { items, loading } = this.list.getState()
    this.#stale = loading
    if (loading) return
    await this.#fetch(async () => {
      let fresh = await this.#longer([])
      while (fresh.more && fresh.items.length < (items?.length ?? 0)) {
        fresh = await this.#longer(fresh.items)
      }
      return fresh
    })
  }

  async #longer(before: readonly T[]): Promise<Page<T>> {
    const { items, more } = await this.#ask(before.at(-1))
    return { items: [...before, ...items], more: more && items.length > 0 }
  }

  async #fetch(work: () => Promise<Page<T>>): Promise<void> {
    this.list.setState({ loading: true, error: undefined })
    try {
      this.list.setState({ ...(await work()), loading: false })
    } catch (error) {
      this.list.setState({ loading: false, error })
    }
    if (this.#stale) await this.again()
  }
}
