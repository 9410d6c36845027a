import { useEffect, useState } from 'react'

/** Between two letters of somebody who types without hurry. */
const PAUSE_MS = 200

/** A value once it rests, to ask the server for what was meant and not for each letter. */
export function useDebounced<T>(value: T): T {
  const [rested, setRested] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [value])
  return rested
}
