import { type FocusEvent, type KeyboardEvent, useMemo, useState } from 'react'
import type { Row } from '../model/rows.ts'
import { focusSoon } from './focusSoon.ts'
import type { Box, ListHandle } from './MessageScroller.tsx'

/** One message takes part in the order of tabs; the arrows lead from one to the next. */
export function useRowFocus({
  rows,
  box,
  list,
}: {
  rows: readonly Row[]
  box: Box
  list: ListHandle
}) {
  const [focused, setFocused] = useState<string>()
  const at = useMemo(() => {
    const here = rows.findIndex(row => row.kind === 'message' && row.key === focused)
    return here >= 0 ? here : rows.findLastIndex(row => row.kind === 'message')
  }, [rows, focused])
  const tabbable = rows[at]?.key
  const kept = useMemo(() => (at >= 0 ? [at] : []), [at])

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const isRow = event.target instanceof HTMLElement && event.target.dataset.key !== undefined
    const next = isRow ? target(event.key, rows, at) : undefined
    const key = next === undefined ? undefined : rows[next]?.key
    if (next === undefined || key === undefined) return
    event.preventDefault()
    setFocused(key)
    list.current?.scrollToIndex(next, { align: 'nearest' })
    focusSoon(() => rowOf(box.current, key))
  }
  const onFocus = (event: FocusEvent<HTMLElement>) => {
    const row = event.target.closest<HTMLElement>('[data-key]')
    if (row?.dataset.key !== undefined) setFocused(row.dataset.key)
  }
  return { tabbable, kept, onKeyDown, onFocus }
}

function rowOf(box: HTMLElement | null, key: string): HTMLElement | null {
  return box?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null
}

function target(key: string, rows: readonly Row[], at: number): number | undefined {
  const isMessage = (row: Row | undefined) => row?.kind === 'message'
  const found = (index: number) => (index >= 0 ? index : undefined)
  if (key === 'ArrowUp') return found(rows.slice(0, at).findLastIndex(isMessage))
  if (key === 'ArrowDown') {
    const step = rows.slice(at + 1).findIndex(isMessage)
    return step < 0 ? undefined : at + 1 + step
  }
  if (key === 'Home') return found(rows.findIndex(isMessage))
  if (key === 'End') return found(rows.findLastIndex(isMessage))
  return undefined
}
