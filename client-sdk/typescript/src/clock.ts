/** The one place that reads a clock, except for what is told as the time of day. */

/** Timers count no further: a longer one would go off at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** A timer, to be cleared. */
export type Timer = ReturnType<typeof setTimeout>

/** The present instant, in milliseconds that never jump. */
export function now(): number {
  return performance.now()
}

/** Calls after so many milliseconds, or sooner if that is more than three weeks away. */
export function after(ms: number, then: () => void): Timer {
  return setTimeout(then, Math.min(Math.max(0, ms), TIMER_MS_MAX))
}
