/**
 * The service worker: shows what comes while the app is closed. It keeps nothing and answers no
 * request of a page, so that a new version of the app is there with the next load.
 *
 * It imports nothing, as it is one file. What it has to know of the app stands in its own address:
 * `name`, what the device is called, and `lang`.
 */
const worker = self as unknown as ServiceWorkerGlobalScope
/** The catalogue's texts that begin with `worker.`, by language; put in by the build. */
declare const PUSH_WORDS: Record<string, Record<string, string>>

/** What a push message holds. */
interface Payload {
  kind: 'alert' | 'withdrawn'
  title: string
  body?: string
  /** Where the app opens: a path. */
  link?: string
  tag: string
  /** Whether it can be confirmed where it is shown. */
  confirm?: boolean
}

/** What a notification remembers until it is pressed. */
type Remembered = Payload & { link: string }

/** What `ding.confirm` takes: whoever is called instead of others says of whom. */
interface Confirmed {
  ding: string
  instead_of: string | undefined
  /** Instead of everybody whom they were called for. */
  others: boolean | undefined
}

/** What TypeScript's library does not have yet. */
type Options = NotificationOptions & {
  actions?: { action: string; title: string }[]
  renotify?: boolean
  vibrate?: number[]
}
interface SubscriptionChange extends ExtendableEvent {
  readonly oldSubscription?: PushSubscription | null
  readonly newSubscription?: PushSubscription | null
}

const NAME = 'Carillon'
const ICON = '/icon-192.png'
const CONFIRM = 'confirm'
/** In milliseconds: on, off, on. */
const VIBRATE = [400, 200, 400]
/** An alert's page in the app, with its id. */
const ALERT_PAGE = /^\/ding\/([0-9A-HJKMNP-TV-Z]{26})$/

const all = PUSH_WORDS
const about = new URL(worker.location.href).searchParams

worker.addEventListener('install', () => void worker.skipWaiting())
worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))
worker.addEventListener('push', event => {
  const payload = read(event.data)
  if (payload?.kind === 'withdrawn') event.waitUntil(withdraw(payload))
  else event.waitUntil(payload ? show(payload) : tellSomething())
})
worker.addEventListener('notificationclick', event => {
  const { action, notification } = event
  event.waitUntil(action === CONFIRM ? confirm(notification) : leave(notification))
})
worker.addEventListener('pushsubscriptionchange', event =>
  (event as SubscriptionChange).waitUntil(again(event as SubscriptionChange)),
)

function words(key: string): string {
  const known = all[about.get('lang') ?? ''] ?? all['zh-HK']
  return known?.[key] ?? key
}

/**
 * What a message says is not known: only the server can encrypt one, so it is another version's.
 * Browsers take the right to show anything away where nothing is shown for it.
 */
async function tellSomething() {
  const data = { kind: 'alert', title: NAME, tag: NAME, link: '/' } satisfies Remembered
  const body = words('worker.open')
  await worker.registration.showNotification(NAME, { tag: NAME, body, data, icon: ICON })
}

/** A message of the server; nothing if it is none that this version knows. */
function read(data: PushMessageData | null): Payload | undefined {
  try {
    const payload = data?.json() as Partial<Payload> | undefined
    if (typeof payload?.tag !== 'string' || typeof payload.title !== 'string') return undefined
    return payload as Payload
  } catch {
    return undefined
  }
}

/** Shows an alert; `wrong` is what became of the last try to confirm it. */
async function show(payload: Payload, wrong?: string) {
  const { title, body = '', tag, confirm = false } = payload
  const link = inside(payload.link ?? '/')
  const options: Options = {
    body: wrong === undefined ? body : `${wrong}\n${body}`,
    tag,
    icon: ICON,
    badge: ICON,
    data: { ...payload, link } satisfies Remembered,
    // The same alert once more is to be heard once more, and stays until somebody does something.
    renotify: true,
    requireInteraction: confirm,
    vibrate: VIBRATE,
    ...(confirm && { actions: [{ action: CONFIRM, title: words(verb(link)) }] }),
  }
  await worker.registration.showNotification(title, options)
  const ding = wrong === undefined ? called(link)?.ding : undefined
  // Whoever sent it sees that it has come: a device shows it, whatever the push service said.
  if (ding !== undefined) await ask('ding.received', { dings: [ding] })
}

/** What confirming is called: of whoever is called instead of somebody, that they see to it. */
function verb(link: string): string {
  return called(link)?.instead_of === undefined ? 'worker.confirm' : 'worker.take'
}

/** Takes away what was shown. Browsers want to see something for each message, if only briefly. */
async function withdraw(payload: Payload) {
  const { title, tag } = payload
  const shown = await worker.registration.getNotifications({ tag })
  const isSeen = (await windows()).some(window => window.visibilityState === 'visible')
  if (shown.length === 0 && isSeen) return
  const data = { ...payload, link: '/' } satisfies Remembered
  const body = words('worker.over')
  await worker.registration.showNotification(title, { tag, body, data, icon: ICON, silent: true })
  for (const old of await worker.registration.getNotifications({ tag })) old.close()
}

/** Confirms without the app; where more is needed than a press, the app opens. */
async function confirm(notification: Notification) {
  const alert = notification.data as Remembered
  const args = called(alert.link)
  const answer = args && (await ask('ding.confirm', args))
  // It is not confirmed before the server says so: without a connection it stays, and tells that.
  if (answer === UNREACHABLE) await show(alert, words('worker.again'))
  else if (answer === undefined) await leave(notification)
  else notification.close()
}

/** Goes from a notification to its place in the app; it stays where that does not open. */
async function leave(notification: Notification) {
  await open((notification.data as Remembered).link)
  notification.close()
}

/** Which alert a link leads to, as it is confirmed; nothing if it leads elsewhere. */
function called(link: string): Confirmed | undefined {
  const { pathname, searchParams } = new URL(link, worker.location.origin)
  const ding = ALERT_PAGE.exec(pathname)?.[1]
  if (ding === undefined) return undefined
  const instead_of = searchParams.get('instead_of') ?? undefined
  const others = searchParams.has('others') || undefined
  return { ding, instead_of, others }
}

/** Shows the app at this place: in a window that is open, or in a new one. */
async function open(link: string) {
  const [window] = await windows()
  if (window === undefined) return void (await worker.clients.openWindow(link))
  window.postMessage({ kind: 'open', link })
  // It shows the place, also where the browser does not bring it to the front.
  await window.focus().catch(() => window)
}

function windows(): Promise<readonly WindowClient[]> {
  return worker.clients.matchAll({ type: 'window', includeUncontrolled: true })
}

/** The browser has taken another address at its push service: the server is told. */
async function again({ oldSubscription, newSubscription }: SubscriptionChange) {
  let subscription = newSubscription
  if (!subscription) {
    const key = oldSubscription?.options.applicationServerKey ?? (await serverKey())
    if (!key) return
    const how = { userVisibleOnly: true, applicationServerKey: key }
    subscription = await worker.registration.pushManager.subscribe(how)
  }
  const { endpoint, keys } = subscription.toJSON()
  const name = about.get('name') ?? ''
  await ask('notify.push.subscribe', { endpoint, ...keys, name })
}

async function serverKey(): Promise<string | undefined> {
  const answer = await ask('notify.push.key', {})
  return answer === UNREACHABLE ? undefined : (answer as { key?: string } | undefined)?.key
}

/** What is answered where there is no connection. */
const UNREACHABLE = Symbol('unreachable')

/** Calls an operation with the session's cookie; nothing if it was refused. */
async function ask(op: string, args: object): Promise<unknown> {
  try {
    const headers = { 'content-type': 'application/json' }
    const request = { method: 'POST', headers, body: JSON.stringify(args) }
    const answer = await fetch(`/v1/rpc/${op}`, request)
    return answer.ok ? await answer.json() : undefined
  } catch {
    return UNREACHABLE
  }
}

/** A path of this app, whatever a message says. */
function inside(link: string): string {
  const { origin } = worker.location
  const url = new URL(link, origin)
  return url.origin === origin ? url.pathname + url.search : '/'
}
