import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** Before the first composition. */
const NEVER = Number.NEGATIVE_INFINITY

export interface TextBox {
  ref: RefObject<HTMLTextAreaElement | null>
  selection: () => { from: number; to: number }
  /** Puts the cursor here once the text that was set is in the box. */
  moveTo: (cursor: number) => void
  /** When the input method gave its characters last. */
  composedAt: () => number
  onCompositionEnd: (event: { timeStamp: number }) => void
}

/** A box that grows with its text, and what its keys and its cursor do. */
export function useTextBox(text: string, focusFirst: boolean): TextBox {
  const ref = useRef<HTMLTextAreaElement>(null)
  const composed = useRef(NEVER)
  const [cursor, setCursor] = useState<{ at: number }>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured when the text has changed
  useLayoutEffect(() => {
    const box = ref.current
    if (!box) return
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
  }, [text])
  useLayoutEffect(() => {
    if (!cursor) return
    ref.current?.focus()
    ref.current?.setSelectionRange(cursor.at, cursor.at)
  }, [cursor])
  useEffect(() => {
    if (focusFirst) ref.current?.focus({ preventScroll: true })
  }, [focusFirst])
  return {
    ref,
    selection: useCallback(() => {
      const box = ref.current
      return { from: box?.selectionStart ?? 0, to: box?.selectionEnd ?? 0 }
    }, []),
    moveTo: useCallback((at: number) => setCursor({ at }), []),
    composedAt: useCallback(() => composed.current, []),
    onCompositionEnd: useCallback((event: { timeStamp: number }) => {
      composed.current = event.timeStamp
    }, []),
  }
}
