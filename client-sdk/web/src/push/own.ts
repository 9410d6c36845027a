/** Where this device keeps how the server names it. */
const KEY = 'carillon-push-device'

/** How the server names this device; nothing if push messages do not reach it. */
export function ownDevice(): string | undefined {
  return localStorage.getItem(KEY) ?? undefined
}

export function nameOwnDevice(id: string | undefined): void {
  if (id === undefined) localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, id)
}
