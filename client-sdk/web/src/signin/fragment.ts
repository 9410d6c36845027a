import { useEffect, useState } from 'react'

/**
 * The token behind the `#` of the address. It is taken out of the address at once, so that it does
 * not stay in the history, on a photograph of the screen or in a bookmark.
 */
export function useToken(): string {
  const [token] = useState(() => location.hash.slice(1))
  useEffect(() => history.replaceState(history.state, '', location.pathname), [])
  return token
}
