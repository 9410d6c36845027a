import { useScreen } from '../model/hooks.ts'

/** Where there is no room beside the messages, a panel lies over them. */
export function useIsSheet(): boolean {
  return useScreen('(max-width: 1099px)')
}

/** A phone's keyboard has no Shift to begin a line with, and takes half of the screen. */
export function useIsPhone(): boolean {
  return useScreen('(hover: none) and (pointer: coarse)')
}
