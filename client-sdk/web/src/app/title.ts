import { useEffect } from 'react'
import { create } from 'zustand'

interface Title {
  /** What the page is called. */
  page: string
  /** How many messages nobody has looked at yet. */
  unread: number
}

const APP = 'Carillon'
const useParts = create<Title>(() => ({ page: '', unread: 0 }))

useParts.subscribe(({ page, unread }) => {
  const name = page ? `${page} · ${APP}` : APP
  document.title = unread > 0 ? `(${unread}) ${name}` : name
})

/** Names the page in the browser's tab and in its history. */
export function useTitle(page: string): void {
  useEffect(() => useParts.setState({ page }), [page])
}

/** Shows in the browser's tab how many messages are unread. */
export function useUnreadInTitle(unread: number): void {
  useEffect(() => {
    useParts.setState({ unread })
    return () => useParts.setState({ unread: 0 })
  }, [unread])
}
