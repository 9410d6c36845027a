/** What alerts are heard through. */

let made: AudioContext | undefined
/** How many ring by it. */
let ringing = 0

/** One for the page: a browser that let it be heard once lets it be heard again. */
export function bell(): AudioContext {
  made ??= new AudioContext()
  return made
}

/** The bell, for whoever rings until this ends. Nobody else's end silences it. */
export function bellUntil(over: AbortSignal): AudioContext {
  ringing += 1
  over.addEventListener('abort', () => {
    ringing -= 1
    rest()
  })
  return bell()
}

/** It need not run while nobody rings. */
function rest(): void {
  if (ringing === 0) void made?.suspend().catch(() => {})
}

/**
 * Makes the bell ready with the first touch of the page: an iPhone lets nothing be heard that was
 * not begun by one. Elsewhere any touch before the alert is enough, so a mouse costs nothing here.
 *
 * @returns how to stop waiting for it
 */
export function readyAtFirstTouch(): () => void {
  const over = new AbortController()
  const touched = ({ pointerType }: PointerEvent) => {
    if (pointerType !== 'touch') return
    over.abort()
    // What rings by now asks for itself.
    if (made) return
    void bell()
      .resume()
      .then(rest, () => {})
  }
  document.addEventListener('pointerup', touched, { capture: true, signal: over.signal })
  return () => over.abort()
}
