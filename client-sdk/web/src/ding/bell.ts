/** What alerts are heard through. */

let made: AudioContext | undefined

/** One for the page: a browser that let it be heard once lets it be heard again. */
export function bell(): AudioContext {
  made ??= new AudioContext()
  return made
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
    const context = bell()
    // It need not run until it rings.
    void context.resume().then(
      () => context.suspend(),
      () => {},
    )
  }
  document.addEventListener('pointerup', touched, { capture: true, signal: over.signal })
  return () => over.abort()
}
