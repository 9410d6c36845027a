/** What this device can do, and what the person has said about it. */
export interface Able {
  /** Service workers, push messages and notifications. */
  supported: boolean
  /** Whether the page was opened from the home screen. */
  installed: boolean
  /** What the browser calls itself. */
  agent: string
  permission: NotificationPermission
  subscribed: boolean
}

/**
 * How it stands with push messages on this device. `install`: only after the app is on the home
 * screen, as on iPhones; `blocked`: the person has to change that in the browser's settings.
 */
export type PushState = 'on' | 'off' | 'blocked' | 'install' | 'unsupported'

/** An iPad says that it is a Mac, which has no touch screen. */
const APPLE_TOUCH = /iPhone|iPad|iPod/

export function pushStateOf(able: Able): PushState {
  if (!able.supported) {
    return APPLE_TOUCH.test(able.agent) && !able.installed ? 'install' : 'unsupported'
  }
  if (able.permission === 'denied') return 'blocked'
  return able.permission === 'granted' && able.subscribed ? 'on' : 'off'
}
