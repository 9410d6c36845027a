import { useEffect, useState } from 'react'

/**
 * The token behind the `#` of the address. It is taken out of the address at once, so that it does
 * not stay in the history, on a photograph of the screen or in a bookmark. A link that is opened
 * once more in the same window changes the address without loading the page.
 */
export function useToken(): string {
  const [token, setToken] = useState(inAddress)
  useEffect(() => {
    const take = () => {
      if (inAddress() === '') return
      setToken(inAddress())
      history.replaceState(history.state, '', location.pathname)
    }
    take()
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [])
  return token
}

function inAddress(): string {
  return location.hash.slice(1)
}
