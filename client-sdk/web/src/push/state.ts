/** What this device can do, and what the person has said about it. */
export interface Able {
  /** Service workers, push messages and notifications. */
  supported: boolean
  /** Whether the page was opened from the home screen. */
  installed: boolean
  /** What the browser calls itself. */
  agent: string
  /** How many fingers it feels at a time. */
  touches: number
  permission: NotificationPermission
  subscribed: boolean
}

/**
 * How it stands with push messages on this device. `install`: only after the app is on the home
 * screen, as on iPhones and iPads; `blocked`: the person has to change that in the browser's
 * settings, `blockedApp`: in the device's.
 */
export type PushState = 'on' | 'off' | 'blocked' | 'blockedApp' | 'install' | 'unsupported'

export function pushStateOf(able: Able): PushState {
  const { installed, permission } = able
  if (!able.supported) return isAppleTouch(able) && !installed ? 'install' : 'unsupported'
  if (permission === 'denied') return installed ? 'blockedApp' : 'blocked'
  return permission === 'granted' && able.subscribed ? 'on' : 'off'
}

/** An iPad says that it is a Mac, of which none feels a finger. */
function isAppleTouch({ agent, touches }: Able): boolean {
  return /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touches > 1)
}
