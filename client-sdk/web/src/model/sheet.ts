/**
 * What is written in one conversation: in the box, and on its way to the outbox. Stored is all of
 * it, until the outbox has it: a crash leaves a text in both places rather than in none.
 */

import type { ConvId } from '@carillon/client'
import { createStore } from 'zustand/vanilla'
import { type Draft, type Drafts, NO_DRAFT } from './drafts.ts'

export class Sheet {
  /** What is in the box. */
  readonly box = createStore<Draft>(() => NO_DRAFT)
  readonly #drafts: Drafts
  readonly #conv: ConvId
  #leaving: readonly Draft[] = []
  /** Whether there was room for what is written. */
  #stored = true

  constructor(drafts: Drafts, conv: ConvId) {
    this.#drafts = drafts
    this.#conv = conv
  }

  /** Puts what is stored into the box; another window may have written it. */
  open(): this {
    // What is on its way is stored too, and must not be written twice. What found no room is in the
    // box only.
    const known = this.#leaving.length === 0 && this.#stored
    if (known) this.box.setState(this.#drafts.get(this.#conv), true)
    return this
  }

  /** The person writes. */
  write(draft: Draft): void {
    this.box.setState(draft, true)
    this.#store()
  }

  /**
   * Empties the box, and gives its text to somebody who keeps it from then on.
   *
   * @throws what `keep` throws; the text is in the box again then, before what was written since.
   */
  async hand(keep: (draft: Draft) => Promise<unknown>): Promise<void> {
    const draft = this.box.getState()
    this.#leaving = [...this.#leaving, draft]
    this.box.setState(NO_DRAFT, true)
    try {
      await keep(draft)
    } catch (thrown) {
      this.box.setState(joined([draft, this.box.getState()]), true)
      this.#left(draft)
      throw thrown
    }
    this.#left(draft)
    // What is stored then is older, has this text in it, and must not be sent twice.
    if (!this.#stored) this.#drafts.set(this.#conv, joined(this.#leaving), Date.now())
  }

  #left(draft: Draft): void {
    this.#leaving = this.#leaving.filter(other => other !== draft)
    this.#store()
  }

  #store(): void {
    const all = joined([...this.#leaving, this.box.getState()])
    // Without room it is kept as long as the page is open, which is not worth a word.
    this.#stored = this.#drafts.set(this.#conv, all, Date.now())
  }
}

function joined(drafts: readonly Draft[]): Draft {
  const written = drafts.filter(({ text }) => text !== '')
  return {
    text: written.map(({ text }) => text).join('\n'),
    picks: written.flatMap(({ picks }) => picks),
  }
}
