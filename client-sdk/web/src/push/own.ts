import type { UserId } from '@carillon/client'

/** Where this device keeps how the server names it, and whose alerts reach it. */
const KEY = 'carillon-push-device'
const OWNER = 'carillon-push-owner'

/** How the server names this device; nothing if push messages do not reach it. */
export function ownDevice(): string | undefined {
  return localStorage.getItem(KEY) ?? undefined
}

/** Whether it is somebody else's alerts that reach it. */
export function isDeviceOfAnother(user: UserId): boolean {
  return ownDevice() !== undefined && localStorage.getItem(OWNER) !== user
}

export function nameOwnDevice(id: string, owner: UserId): void {
  localStorage.setItem(KEY, id)
  localStorage.setItem(OWNER, owner)
}

export function forgetOwnDevice(): void {
  for (const key of [KEY, OWNER]) localStorage.removeItem(key)
}
