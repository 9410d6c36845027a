/** What is on the screen and how large, so that nothing larger is sent. */

import type { RoomParticipantId, RoomSource, RoomView } from '@carillon/client'
import { createContext, type RefObject, useContext, useEffect } from 'react'

/** Which tiles matter more, when not all of them can be sharp. */
export type Rank = 'screen' | 'stage' | 'tile'

const RANKS: readonly Rank[] = ['screen', 'stage', 'tile']

interface Watched {
  readonly participant: RoomParticipantId
  readonly source: RoomSource
  readonly rank: Rank
}

/** Who only looks something up elsewhere finds the pictures as they were. */
const HIDDEN_MS = 5_000

/** Keeps the sizes of what is shown, and says them when they have changed. */
export class Views {
  readonly #say: (views: readonly RoomView[]) => void
  readonly #shown = new Map<Element, Watched>()
  readonly #observer = new ResizeObserver(() => this.#soon())
  #waits = false
  #rests = false

  constructor(say: (views: readonly RoomView[]) => void) {
    this.#say = say
  }

  /** Asks for a picture as large as an element, until it is called off. */
  watch(element: Element, watched: Watched): () => void {
    this.#shown.set(element, watched)
    this.#observer.observe(element)
    this.#soon()
    return () => {
      this.#shown.delete(element)
      this.#observer.unobserve(element)
      this.#soon()
    }
  }

  /** Asks for no pictures while nobody can see the page, until it is called off. */
  restWhileHidden(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = () => {
      clearTimeout(timer)
      if (document.visibilityState === 'hidden')
        timer = setTimeout(() => this.#rest(true), HIDDEN_MS)
      else this.#rest(false)
    }
    document.addEventListener('visibilitychange', look)
    look()
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }

  #rest(rests: boolean): void {
    if (this.#rests === rests) return
    this.#rests = rests
    this.#soon()
  }

  /** Once for everything that a drawing of the page changes. */
  #soon(): void {
    if (this.#waits) return
    this.#waits = true
    queueMicrotask(() => {
      this.#waits = false
      this.#say(this.#rests ? [] : this.#views())
    })
  }

  #views(): RoomView[] {
    const views = [...this.#shown].map(([element, { participant, source, rank }]) => {
      const { width, height } = element.getBoundingClientRect()
      const pixels = (length: number) => Math.max(1, Math.round(length * devicePixelRatio))
      return { rank, view: { participant, source, width: pixels(width), height: pixels(height) } }
    })
    views.sort((one, other) => RANKS.indexOf(one.rank) - RANKS.indexOf(other.rank))
    return views.map(({ view }) => view)
  }
}

export const ViewsOfStage = createContext<Views | undefined>(undefined)

/** Asks for a picture while its element is shown; not for one that nobody sends. */
export function useView(element: RefObject<Element | null>, watched: Watched | undefined): void {
  const views = useContext(ViewsOfStage)
  const { participant, source, rank } = watched ?? {}
  useEffect(() => {
    if (!views || !element.current || !participant || !source || !rank) return
    return views.watch(element.current, { participant, source, rank })
  }, [views, element, participant, source, rank])
}
