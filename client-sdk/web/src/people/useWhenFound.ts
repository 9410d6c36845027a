import { useEffect, useState } from 'react'

/**
 * For whoever presses Enter before anybody was found: `take` is called once there is an answer to
 * what was written then, unless something else is written meanwhile.
 *
 * @param isStale whether there is no answer to the query yet
 * @returns what Enter does
 */
export function useWhenFound(query: string, isStale: boolean, take: () => void): () => void {
  const [asked, setAsked] = useState<string>()
  useEffect(() => {
    if (asked === undefined || (isStale && asked === query)) return
    setAsked(undefined)
    if (asked === query) take()
  })
  return () => setAsked(query)
}
