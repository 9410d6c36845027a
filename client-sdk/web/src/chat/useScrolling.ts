import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { VirtualizerHandle } from 'virtua'
import { useTalkState } from '../model/hooks.ts'
import type { Row } from '../model/rows.ts'
import type { Stretch } from '../model/stretch.ts'
import type { Talk } from '../model/talk.ts'
import type { Box, ListHandle } from './MessageScroller.tsx'

/** Nearer to the end than this, in pixels, the list follows what is said. */
const END = 40
/** More is read from the log when its end is so many screens away. */
const AHEAD = 2
/**
 * What is far away is given up when the list has come to rest: rows that go above it while it
 * scrolls would make it tremble. Nobody scrolls past more than this without a rest.
 */
const SCROLLED_MAX = 5_000
/** So long after it came to rest, when what it drew beyond its edges has been measured. */
const REST_MS = 300
/**
 * So many of the last rows stay drawn at the end of the list, a screen and more: going to the end
 * is scrolling down, when nothing above is drawn, and the next turn of the wheel may go up.
 */
const LAST = 30
/** What was jumped to stands so far below the upper edge, in pixels: under the buttons there. */
const CONTEXT = 64

export interface Scrolling {
  /** Whether rows came or went above: the list keeps its distance from the end then. */
  shift: boolean
  /** Whether the newest message is on the screen and the list goes on with the next one. */
  following: boolean
  /** Rows that are drawn wherever the list stands. */
  kept: readonly number[]
  onScroll: () => void
  onScrollEnd: () => void
  onResize: () => void
}

interface Scrolled {
  talk: Talk
  stretch: Stretch
  rows: readonly Row[]
  box: Box
  list: ListHandle
}

/** Where the list stands, and what must be read from the log for it. */
export function useScrolling({ talk, stretch, rows, box, list }: Scrolled): Scrolling {
  const target = useTalkState(talk, state => state.target)
  const [following, setFollowing] = useState(stretch.live)
  const follows = useRef(stretch.live)
  const drawn = useRef(rows)
  const shift = isShifted(drawn.current, rows)
  const trimming = useTrimming({ talk, stretch, rows, list })
  const goal = useGoal(rows, box, list)
  const end = useEnd(box)

  const kept = useMemo(() => (following ? lastOf(rows.length) : []), [following, rows.length])

  const follow = (is: boolean) => {
    follows.current = is
    setFollowing(is)
  }
  const stand = () => {
    if (!goal.stand() && follows.current) end.go()
  }
  const look = () => {
    const view = list.current
    if (!view || view.viewportSize === 0) return
    const reach = view.viewportSize * AHEAD
    if (view.scrollOffset < reach) void talk.older()
    if (below(view) < reach && !stretch.live) void talk.newer()
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: a target has its own effect below
  useLayoutEffect(() => {
    drawn.current = rows
    if (!target) stand()
  }, [rows])
  // biome-ignore lint/correctness/useExhaustiveDependencies: goes there once
  useLayoutEffect(() => {
    if (!target) return
    const isEnd = target.to === 'newest'
    follow(isEnd && stretch.live)
    goal.set(target.to === 'newest' ? undefined : rows[indexAfter(rows, target.to)]?.key)
    stand()
    talk.arrived()
  }, [target])
  // Where rows came or went above, the list has yet to hear of its new place: it will scroll.
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks when rows came or went
  useEffect(() => {
    if (!shift) look()
  }, [rows])

  return {
    shift,
    following,
    kept,
    onScroll: () => {
      trimming.wait()
      // Before it knows its size, it hears of its place.
      if (!list.current || list.current.viewportSize === 0) return
      goal.scrolled()
      const isAtEnd = stretch.live && end.isHere(follows.current)
      if (isAtEnd !== follows.current) follow(isAtEnd)
      else if (isAtEnd) stand()
      look()
    },
    onScrollEnd: () => {
      goal.set(undefined)
      trimming.soon()
    },
    onResize: () => {
      stand()
      look()
    },
  }
}

function lastOf(length: number): number[] {
  const first = Math.max(0, length - LAST)
  return Array.from({ length: length - first }, (_, place) => first + place)
}

/**
 * The end of the list. It moves when the box to write in becomes small again or a row is measured,
 * and the list hears of that after the scrolling that it brings about: only who scrolls up leaves.
 */
function useEnd(box: Box) {
  const stood = useRef(0)
  const note = () => {
    stood.current = box.current?.scrollTop ?? 0
  }
  return {
    go: () => {
      if (box.current) box.current.scrollTop = box.current.scrollHeight
      note()
    },
    /** Whether the list stands there, or stood there and is left behind. */
    isHere: (follows: boolean) => {
      if (!box.current) return false
      const { scrollHeight, scrollTop, clientHeight } = box.current
      if (scrollHeight - scrollTop - clientHeight >= END) {
        return follows && scrollTop >= stood.current - 1
      }
      note()
      return true
    },
  }
}

/**
 * A row that the list goes to and stays at while those around it are measured. Who scrolls
 * meanwhile is not pulled back to it, as by the list's own `scrollToIndex`.
 */
function useGoal(rows: readonly Row[], box: Box, list: ListHandle) {
  const goal = useRef<string>(undefined)
  const stood = useRef(0)
  return {
    set: (key: string | undefined) => {
      goal.current = key
    },
    /** Whether there is such a row, and the list stands at it now. */
    stand: () => {
      const index = goal.current ? rows.findIndex(row => row.key === goal.current) : -1
      if (index < 0 || !box.current || !list.current) return false
      box.current.scrollTop = list.current.getItemOffset(index) - CONTEXT
      stood.current = box.current.scrollTop
      return true
    },
    scrolled: () => {
      const place = box.current?.scrollTop ?? 0
      if (Math.abs(place - stood.current) > 1) goal.current = undefined
    },
  }
}

function below({ scrollSize, scrollOffset, viewportSize }: VirtualizerHandle): number {
  return scrollSize - scrollOffset - viewportSize
}

/** Gives up what is far away, once the list rests. */
function useTrimming({ talk, stretch, rows, list }: Omit<Scrolled, 'box'>) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const trim = () => {
    const view = list.current
    const row = view && rows[view.findItemIndex(view.scrollOffset + view.viewportSize / 2)]
    const seq = row?.kind === 'message' ? row.message.seq : undefined
    if (seq !== undefined) talk.trim(seq)
  }
  const latest = useRef(trim)
  useEffect(() => {
    latest.current = trim
    if (stretch.events.length > SCROLLED_MAX) trim()
  })
  useEffect(() => () => clearTimeout(timer.current), [])
  return {
    wait: () => clearTimeout(timer.current),
    soon: () => {
      clearTimeout(timer.current)
      timer.current = setTimeout(() => latest.current(), REST_MS)
    },
  }
}

/** The first row after a position: the line before what is new, if it is there. */
function indexAfter(rows: readonly Row[], after: number): number {
  const line = rows.findIndex(row => row.kind === 'new')
  const message = rows.findIndex(row => row.kind === 'message' && (row.message.seq ?? 0) > after)
  return Math.max(0, line >= 0 && line <= message ? line : message)
}

/** Whether rows came or went above those that are in both. */
function isShifted(before: readonly Row[], now: readonly Row[]): boolean {
  const [first, next] = [before[0]?.key, now[0]?.key]
  if (first === undefined || next === undefined || first === next) return false
  return now.some(row => row.key === first) || before.some(row => row.key === next)
}
