import { useEffect } from 'react'
import { create } from 'zustand'

interface Title {
  /** What the page is called. */
  page: string
  /** How many messages nobody has looked at yet. */
  unread: number
  /** How many alerts wait for an answer. */
  alerts: number
}

const APP = 'Carillon'
const useParts = create<Title>(() => ({ page: '', unread: 0, alerts: 0 }))

useParts.subscribe(({ page, unread, alerts }) => {
  const name = page ? `${page} · ${APP}` : APP
  const counted = unread > 0 ? `(${unread}) ${name}` : name
  document.title = alerts > 0 ? `\u{1f514} DING (${alerts}) · ${counted}` : counted
})

/** Where the app was opened, until somebody went on from there. */
let openedAt: string | undefined = location.pathname

/** Names the page in the browser's tab and in its history. */
export function useTitle(page: string): void {
  useEffect(() => {
    if (location.pathname !== openedAt) openedAt = undefined
    useParts.setState({ page })
  }, [page])
}

/** Whether somebody has come to this page from another one. */
export function cameFromElsewhere(): boolean {
  return openedAt === undefined
}

/** Shows in the browser's tab how many messages are unread. */
export function useUnreadInTitle(unread: number): void {
  useEffect(() => useParts.setState({ unread }), [unread])
  // The browser shows each of them: not one in between with every message.
  useEffect(() => () => useParts.setState({ unread: 0 }), [])
}

/** Shows in the browser's tab how many alerts wait for an answer, and on the app's own icon. */
export function useAlertsInTitle(alerts: number): void {
  useEffect(() => {
    useParts.setState({ alerts })
    // An icon that cannot be marked is none that anybody looks at.
    navigator.setAppBadge?.(alerts).catch(() => {})
  }, [alerts])
  useEffect(() => () => useParts.setState({ alerts: 0 }), [])
}
