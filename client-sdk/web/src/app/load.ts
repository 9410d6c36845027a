import { useCallback, useEffect, useState } from 'react'

/** What is fetched for a page: on its way, there, or failed. */
export type Loaded<T> =
  | { state: 'loading'; again: () => void }
  | { state: 'there'; value: T; again: () => void }
  | { state: 'failed'; error: unknown; again: () => void }

type Progress<T> =
  | { state: 'loading' }
  | { state: 'there'; value: T }
  | { state: 'failed'; error: unknown }

/** Fetches when the page opens, when `key` changes, and when asked again. */
export function useLoad<T>(fetch: () => Promise<T>, key: string): Loaded<T> {
  const [turn, setTurn] = useState(0)
  const [progress, setProgress] = useState<Progress<T>>({ state: 'loading' })
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what `fetch` uses
  useEffect(() => {
    let current = true
    fetch().then(
      value => current && setProgress({ state: 'there', value }),
      error => current && setProgress({ state: 'failed', error }),
    )
    return () => {
      current = false
    }
  }, [key, turn])
  const again = useCallback(() => setTurn(turn => turn + 1), [])
  return { ...progress, again }
}
