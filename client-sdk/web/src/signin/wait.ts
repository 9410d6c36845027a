import { CarillonError } from '@carillon/client'
import { useEffect, useState } from 'react'

/** How many seconds an error says to wait, counting down to 0. */
export function useSecondsLeft(error: unknown): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    const wait = error instanceof CarillonError && error.code === 'E_RATE' ? error.retryMs : 0
    const until = Date.now() + (wait ?? 0)
    const look = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1_000)))
    look()
    if (!wait) return
    const timer = setInterval(look, 250)
    return () => clearInterval(timer)
  }, [error])
  return left
}
