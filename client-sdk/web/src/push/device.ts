import type { Client } from '@carillon/client'
import { deviceLabel } from '../app/device.ts'
import { forgetOwnDevice, nameOwnDevice, ownDevice } from './own.ts'
import { type PushState, pushStateOf } from './state.ts'

const WORKER = '/push.js'

/** What TypeScript's library does not have yet. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL: (url: string) => string }
}

/** How it stands with push messages on this device. */
export async function pushState(): Promise<PushState> {
  const supported = 'serviceWorker' in navigator && 'PushManager' in window
  return pushStateOf({
    supported: supported && 'Notification' in window,
    installed: matchMedia('(display-mode: standalone)').matches,
    agent: navigator.userAgent,
    touches: navigator.maxTouchPoints,
    permission: supported ? Notification.permission : 'default',
    subscribed: supported && (await subscription()) !== null,
  })
}

/**
 * Lets push messages reach this device: asks for the permission, so it has to follow a press.
 *
 * @throws {DOMException} what the browser's push service refuses
 */
export async function turnOn(client: Client, language: string): Promise<PushState> {
  if ((await Notification.requestPermission()) !== 'granted') return pushState()
  const registration = await register(language)
  const { key } = await client.call('notify.push.key', {})
  const how = { userVisibleOnly: true, applicationServerKey: key }
  const made = await renewed(registration.pushManager, how)
  await tell(client, made)
  return pushState()
}

/** Push messages do not reach this device any more. */
export async function turnOff(client: Client): Promise<void> {
  const id = ownDevice()
  // First here: from now on nothing comes, whatever becomes of the rest.
  await clearHere()
  if (id !== undefined) await client.call('notify.push.unsubscribe', { id })
}

/**
 * For whoever leaves this device: nothing comes any more, and what was shown is gone, as somebody
 * else may look at it next. The server forgets the device with the session.
 */
export async function clearHere(): Promise<void> {
  forgetOwnDevice()
  const registration = await registered()
  await (await registration?.pushManager.getSubscription())?.unsubscribe()
  await hideShown()
}

/** Takes away what the system shows of this app. */
export async function hideShown(): Promise<void> {
  for (const shown of (await (await registered())?.getNotifications()) ?? []) shown.close()
}

/** Tells the server once more, with a newer app or in another language; asks for nothing. */
export async function keepOn(client: Client, language: string): Promise<void> {
  if (ownDevice() === undefined || (await pushState()) !== 'on') return
  await register(language)
  const current = await subscription()
  if (current) await tell(client, current)
}

async function tell(client: Client, made: PushSubscription): Promise<void> {
  const { endpoint = '', keys = {} } = made.toJSON()
  const { p256dh = '', auth = '' } = keys
  const name = deviceLabel() || location.host
  const { id } = await client.call('notify.push.subscribe', { endpoint, p256dh, auth, name })
  nameOwnDevice(id, client.me)
}

async function subscription(): Promise<PushSubscription | null> {
  return (await (await registered())?.pushManager.getSubscription()) ?? null
}

async function registered(): Promise<ServiceWorkerRegistration | undefined> {
  return navigator.serviceWorker?.getRegistration('/')
}

/** A subscription under this key: one under another key is of a server that is no more. */
async function renewed(manager: PushManager, how: PushSubscriptionOptionsInit) {
  try {
    return await manager.subscribe(how)
  } catch (error) {
    const old = await manager.getSubscription()
    if (!old) throw error
    await old.unsubscribe()
    return manager.subscribe(how)
  }
}

/** The service worker, which knows from its address how to call the device. */
async function register(language: string): Promise<ServiceWorkerRegistration> {
  const about = new URLSearchParams({ name: deviceLabel() || location.host, lang: language })
  await navigator.serviceWorker.register(trusted(`${WORKER}?${about}`), {
    scope: '/',
    updateViaCache: 'none',
  })
  return navigator.serviceWorker.ready
}

let policy: { createScriptURL: (url: string) => string } | undefined

/** The one script address that the content security policy lets this app make. */
function trusted(url: string): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: TrustedTypes }
  if (!trustedTypes) return url
  policy ??= trustedTypes.createPolicy('service-worker', {
    createScriptURL: wanted => {
      if (!wanted.startsWith(`${WORKER}?`)) throw new TypeError('this is no service worker of ours')
      return wanted
    },
  })
  return policy.createScriptURL(url)
}
