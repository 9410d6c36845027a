import { useCallback, useEffect, useMemo, useRef } from 'react'
import { open } from './devices.ts'
import { useMeeting, useSelf, useView } from './hooks.ts'
import { isMac, useLetters } from './keys.ts'

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

/** What takes keys of its own: fields, whatever is pressed, and rows that one walks through. */
const TAKEN =
  'input, textarea, select, button, a, summary, dialog, [contenteditable], article, li, ' +
  '[role=menu], [role=option], [role=listitem], [role=row]'

/** Where a key means itself: one writes there, or it presses what has the focus. */
function isForSomethingElse({ target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false
  return target.closest(TAKEN) !== null
}

/** Keys for what is done often; Space talks as long as it is held. */
export function useKeys(deeds: Deeds, onHelp: () => void, onEscape: () => void): void {
  const talk = useTalkKey(deeds)
  const letters = useLetters(choice => choice.letters)
  const pressed = useCallback(
    (event: KeyboardEvent) => {
      const { ctrlKey, metaKey, altKey, repeat } = event
      // With the capitals locked a letter is another key to the browser, and the same to a person.
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
      if (altKey || event.isComposing || event.defaultPrevented) return
      const isCommand = isMac ? metaKey && !ctrlKey : ctrlKey && !metaKey
      if (isCommand && (key === 'd' || key === 'e')) {
        event.preventDefault()
        if (repeat) return
        if (key === 'd') deeds.microphone()
        else deeds.camera()
        return
      }
      if (ctrlKey || metaKey || repeat || isForSomethingElse(event)) return
      if (key === 'Escape') onEscape()
      else if (key === ' ') talk.down(event)
      else if (letters && key === 'h') deeds.hand()
      else if (letters && key === '?') onHelp()
    },
    [deeds, onHelp, onEscape, talk, letters],
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
  const up = useCallback(() => {
    // A microphone may take longer to open than somebody talks.
    void talking.current?.then(() => meeting.pause('microphone'))
    talking.current = undefined
  }, [meeting])
  const down = useCallback(
    (event: KeyboardEvent) => {
      event.preventDefault()
      if (microphone || talking.current) return
      talking.current = meeting.start('microphone', () => open('microphone'))
    },
    [microphone, meeting],
  )
  // A window or a page that is left hears no key go up.
  useEffect(() => {
    addEventListener('blur', up)
    return () => {
      removeEventListener('blur', up)
      up()
    }
  }, [up])
  return useMemo(() => ({ down, up }), [down, up])
}
