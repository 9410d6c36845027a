import { type RefObject, useLayoutEffect, useState } from 'react'
import type { Size } from './layout.ts'

/** How large an element is, as it becomes. */
export function useSize(element: RefObject<Element | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const watched = element.current
    if (!watched) return
    const look = () => {
      const { width, height } = watched.getBoundingClientRect()
      setSize({ width, height })
    }
    look()
    const observer = new ResizeObserver(look)
    observer.observe(watched)
    return () => observer.disconnect()
  }, [element])
  return size
}
