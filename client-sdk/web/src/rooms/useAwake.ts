import { useEffect } from 'react'

/** Keeps a phone awake: one that falls asleep stops its camera, and often the meeting with it. */
export function useAwake(): void {
  useEffect(() => {
    if (!('wakeLock' in navigator)) return
    let isOver = false
    let lock: WakeLockSentinel | undefined
    // The browser takes it back when another page is shown.
    const ask = async () => {
      if (document.visibilityState !== 'visible') return
      const got = await navigator.wakeLock.request('screen')
      void lock?.release()
      lock = got
      if (isOver) void got.release()
    }
    // A battery that is almost empty is no reason to end a meeting.
    const look = () => void ask().catch(() => {})
    document.addEventListener('visibilitychange', look)
    look()
    return () => {
      isOver = true
      document.removeEventListener('visibilitychange', look)
      void lock?.release()
    }
  }, [])
}
