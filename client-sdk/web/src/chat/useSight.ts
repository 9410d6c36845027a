import { useEffect, useMemo, useRef } from 'react'
import { Gaze } from '../model/reading.ts'
import type { Talk } from '../model/talk.ts'
import type { Box } from './MessageScroller.tsx'

/** So much of a message must be on the screen, or of the screen be filled by it. */
const PART = 0.6
/** Tall messages cross these on their way. */
const STEPS = Array.from({ length: 21 }, (_, step) => step / 20)
/** Which receipts are wanted is told when the screen has come to rest for so long. */
const REST_MS = 150

/** What is on the screen. Rows are given to it; it says what was read, and of what to count. */
export interface Sight {
  /** Watches a row with its position; returns how to stop. */
  watch: (element: HTMLElement, seq: number, mine: boolean) => () => void
  /** Watches the line above what is new. */
  watchNew: (element: HTMLElement) => () => void
  /** Most of what is on the screen now is about to leave it: it was not looked at to be read. */
  restart: () => void
}

interface Watched {
  seq: number
  mine: boolean
}

class Screen implements Sight {
  readonly #talk: Talk
  readonly #gaze = new Gaze()
  readonly #rows = new Map<Element, Watched>()
  readonly #mine = new Set<number>()
  #observer: IntersectionObserver | undefined
  #lines = new Set<Element>()
  #reading: ReturnType<typeof setTimeout> | undefined
  #resting: ReturnType<typeof setTimeout> | undefined
  #receiptsOf: number | undefined

  constructor(talk: Talk) {
    this.#talk = talk
  }

  /** Begins to look; returns how to end. */
  open(root: HTMLElement): () => void {
    const observer = new IntersectionObserver(entries => this.#changed(entries), {
      root,
      threshold: STEPS,
    })
    this.#observer = observer
    for (const element of [...this.#rows.keys(), ...this.#lines]) observer.observe(element)
    return () => {
      observer.disconnect()
      this.#observer = undefined
      clearTimeout(this.#reading)
      clearTimeout(this.#resting)
    }
  }

  watch(element: HTMLElement, seq: number, mine: boolean): () => void {
    this.#rows.set(element, { seq, mine })
    this.#observer?.observe(element)
    return () => {
      this.#observer?.unobserve(element)
      this.#rows.delete(element)
      this.#gaze.lose(seq)
      this.#mine.delete(seq)
    }
  }

  watchNew(element: HTMLElement): () => void {
    this.#lines.add(element)
    this.#observer?.observe(element)
    return () => {
      this.#observer?.unobserve(element)
      this.#lines.delete(element)
      this.#gaze.line(false)
    }
  }

  /** Whether the person looks at the screen. */
  look(open: boolean): void {
    this.#talk.present(open)
    this.#gaze.look(open, performance.now())
    this.#catchUp()
    this.#wait()
  }

  restart(): void {
    this.#gaze.restart(performance.now())
    this.#wait()
  }

  #catchUp(): void {
    if (this.#gaze.atLine) this.#talk.caughtUp()
  }

  /** The message whose receipts are looked at, if it is not on the screen either. */
  receiptsOf(seq: number | undefined): void {
    this.#receiptsOf = seq
    this.#restSoon()
  }

  #changed(entries: IntersectionObserverEntry[]): void {
    const now = performance.now()
    for (const entry of entries) {
      if (this.#lines.has(entry.target)) this.#gaze.line(entry.isIntersecting)
      const row = this.#rows.get(entry.target)
      if (!row) continue
      if (fills(entry)) this.#gaze.see(row.seq, now)
      else this.#gaze.lose(row.seq)
      if (row.mine && entry.isIntersecting) this.#mine.add(row.seq)
      else this.#mine.delete(row.seq)
    }
    this.#catchUp()
    this.#wait()
    this.#restSoon()
  }

  #wait(): void {
    clearTimeout(this.#reading)
    const due = this.#gaze.due(performance.now())
    if (due === undefined) return
    this.#reading = setTimeout(() => {
      const events = this.#talk.state.getState().stretch?.events ?? []
      this.#talk.reading.saw(this.#gaze.take(performance.now()), events)
      this.#wait()
    }, due)
  }

  #restSoon(): void {
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => {
      const extra = this.#receiptsOf === undefined ? [] : [this.#receiptsOf]
      const seqs = new Set([...this.#mine, ...extra])
      this.#talk.receipts.watch([...seqs].sort((a, b) => a - b))
    }, REST_MS)
  }
}

/** Whether enough of a row is on the screen to be read. */
function fills({ intersectionRatio, intersectionRect, rootBounds }: IntersectionObserverEntry) {
  if (intersectionRatio >= PART) return true
  return rootBounds !== null && intersectionRect.height >= rootBounds.height * PART
}

/** Looks at the screen while the person does: the window is before all others and has the focus. */
export function useSight({
  talk,
  box,
  covered,
  receiptsOf,
}: {
  talk: Talk
  box: Box
  covered: boolean
  receiptsOf: number | undefined
}): Sight {
  const screen = useMemo(() => new Screen(talk), [talk])
  const isCovered = useRef(covered)
  useEffect(() => (box.current ? screen.open(box.current) : undefined), [screen, box])
  useEffect(() => {
    isCovered.current = covered
    const look = () => {
      const isHere = document.visibilityState === 'visible' && document.hasFocus()
      screen.look(isHere && !isCovered.current)
    }
    look()
    document.addEventListener('visibilitychange', look)
    addEventListener('focus', look)
    addEventListener('blur', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      removeEventListener('focus', look)
      removeEventListener('blur', look)
    }
  }, [screen, covered])
  useEffect(() => screen.receiptsOf(receiptsOf), [screen, receiptsOf])
  return screen
}
