import { useCallback, useEffect, useMemo, useRef } from 'react'
import { open } from './devices.ts'
import { useMeeting, useSelf, useView } from './hooks.ts'

/** What a button or a key does in a meeting. */
export interface Deeds {
  /** What of the person's is on. */
  readonly on: { readonly microphone: boolean; readonly camera: boolean; readonly screen: boolean }
  microphone: () => void
  camera: () => void
  screen: () => void
  hand: () => void
  leave: () => void
}

export function useDeeds(): Deeds {
  const meeting = useMeeting()
  const isUp = useSelf()?.hand_at !== undefined
  const microphone = useView(({ sending }) => sending.get('microphone')?.muted === false)
  const camera = useView(({ sending }) => sending.get('camera')?.muted === false)
  const screen = useView(({ sending }) => sending.has('screen'))
  return useMemo(() => {
    const toggle = (source: 'microphone' | 'camera', on: boolean) =>
      void (on ? meeting.pause(source) : meeting.start(source, () => open(source)))
    return {
      on: { microphone, camera, screen },
      microphone: () => toggle('microphone', microphone),
      camera: () => toggle('camera', camera),
      screen: () => void (screen ? meeting.unshare() : meeting.share()),
      hand: () => void meeting.try(() => meeting.room.raiseHand(!isUp)),
      leave: () => void meeting.leave(),
    }
  }, [meeting, microphone, camera, screen, isUp])
}

/** Where a key means itself: one writes there, or it presses what has the focus. */
function isForSomethingElse({ target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false
  return target.closest('input, textarea, select, button, a, dialog, [role=menu]') !== null
}

/** Keys for what is done often; Space talks as long as it is held. */
export function useKeys(deeds: Deeds, onHelp: () => void, onEscape: () => void): void {
  const talk = useTalkKey(deeds)
  const pressed = useCallback(
    (event: KeyboardEvent) => {
      const { key, ctrlKey, metaKey, altKey, repeat } = event
      if (altKey || event.isComposing || event.defaultPrevented) return
      if ((ctrlKey || metaKey) && (key === 'd' || key === 'e')) {
        event.preventDefault()
        if (repeat) return
        if (key === 'd') deeds.microphone()
        else deeds.camera()
        return
      }
      if (ctrlKey || metaKey || repeat || isForSomethingElse(event)) return
      if (key === 'h' || key === 'H') deeds.hand()
      else if (key === '?') onHelp()
      else if (key === 'Escape') onEscape()
      else if (key === ' ') talk.down(event)
    },
    [deeds, onHelp, onEscape, talk],
  )
  useEffect(() => {
    const released = (event: KeyboardEvent) => event.key === ' ' && talk.up()
    addEventListener('keydown', pressed)
    addEventListener('keyup', released)
    return () => {
      removeEventListener('keydown', pressed)
      removeEventListener('keyup', released)
    }
  }, [pressed, talk])
}

/** Talks from `down` to `up`, unless the microphone was on already. */
function useTalkKey(deeds: Deeds): { down: (event: KeyboardEvent) => void; up: () => void } {
  const meeting = useMeeting()
  const talking = useRef<Promise<void>>(undefined)
  const { microphone } = deeds.on
  const talk = useMemo(
    () => ({
      down: (event: KeyboardEvent) => {
        event.preventDefault()
        if (microphone || talking.current) return
        talking.current = meeting.start('microphone', () => open('microphone'))
      },
      up: () => {
        // A microphone may take longer to open than somebody talks.
        void talking.current?.then(() => meeting.pause('microphone'))
        talking.current = undefined
      },
    }),
    [microphone, meeting],
  )
  // A window that is left hears no key go up.
  useEffect(() => {
    addEventListener('blur', talk.up)
    return () => removeEventListener('blur', talk.up)
  }, [talk])
  return talk
}
