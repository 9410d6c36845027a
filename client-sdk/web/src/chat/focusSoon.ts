/** A row that scrolls into sight is drawn, measured and only then shown: so many frames at most. */
const FRAMES_MAX = 30

/** Gives the focus to an element as soon as it is there and can have it. */
export function focusSoon(find: () => HTMLElement | null | undefined, frames = FRAMES_MAX): void {
  requestAnimationFrame(() => {
    const element = find()
    element?.focus({ preventScroll: true })
    if (frames > 0 && (!element || document.activeElement !== element)) focusSoon(find, frames - 1)
  })
}
