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
interface Remembered {
  link: string
  /** What it says; of what can be confirmed. */
  body?: string
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

const ICON = '/icon-192.png'
const CONFIRM = 'confirm'
/** In milliseconds: on, off, on. */
const VIBRATE = [400, 200, 400]
/** An alert's page in the app, with its id. Whoever is called instead of somebody is told whose. */
const ALERT_PAGE = /^\/ding\/([0-9A-HJKMNP-TV-Z]{26})$/
const INSTEAD = 'instead_of'

const all = PUSH_WORDS
const about = new URL(worker.location.href).searchParams

worker.addEventListener('install', () => void worker.skipWaiting())
worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))
worker.addEventListener('push', event => {
  const payload = read(event.data)
  if (payload) event.waitUntil(payload.kind === 'withdrawn' ? withdraw(payload) : show(payload))
})
worker.addEventListener('notificationclick', event => {
  event.notification.close()
  const { link } = event.notification.data as Remembered
  event.waitUntil(event.action === CONFIRM ? confirm(event.notification) : open(link))
})
worker.addEventListener('pushsubscriptionchange', event =>
  (event as SubscriptionChange).waitUntil(again(event as SubscriptionChange)),
)

function words(key: string): string {
  const known = all[about.get('lang') ?? ''] ?? all['zh-HK']
  return known?.[key] ?? key
}

/** A message of the server; only it can encrypt one, so what is not read is another version's. */
function read(data: PushMessageData | null): Payload | undefined {
  try {
    const payload = data?.json() as Partial<Payload> | undefined
    if (typeof payload?.tag !== 'string' || typeof payload.title !== 'string') return undefined
    return payload as Payload
  } catch {
    return undefined
  }
}

async function show({ title, body = '', link = '/', tag, confirm = false }: Payload) {
  // The same alert once more is to be heard once more, and stays until somebody does something.
  const noise = { renotify: true, vibrate: VIBRATE }
  const remembered: Remembered = { link: inside(link), body }
  await worker.registration.showNotification(title, {
    body,
    tag,
    icon: ICON,
    badge: ICON,
    data: remembered,
    requireInteraction: confirm,
    ...noise,
    ...(confirm && { actions: [{ action: CONFIRM, title: words(verb(remembered.link)) }] }),
  } as Options)
}

/** What confirming is called: of whoever is called instead of somebody, that they see to it. */
function verb(link: string): string {
  return called(link)?.instead_of === undefined ? 'worker.confirm' : 'worker.take'
}

/** Takes away what was shown. Browsers want to see something for each message, if only briefly. */
async function withdraw({ title, tag }: Payload) {
  const shown = await worker.registration.getNotifications({ tag })
  if (shown.length === 0 && (await windows()).length > 0) return
  const data = { link: '/' } satisfies Remembered
  const body = words('worker.over')
  await worker.registration.showNotification(title, { tag, body, data, icon: ICON, silent: true })
  for (const old of await worker.registration.getNotifications({ tag })) old.close()
}

/** Confirms without the app; where more is needed than a press, the app opens. */
async function confirm({ title, tag, data }: Notification) {
  const { link, body } = data as Remembered
  const args = called(link)
  const answer = args && (await ask('ding.confirm', args))
  // It is not confirmed before the server says so: without a connection it stays, and tells that.
  if (answer === UNREACHABLE) {
    await show({
      kind: 'alert',
      title,
      body: `${words('worker.again')}\n${body}`,
      link,
      tag,
      confirm: true,
    })
  } else if (answer === undefined) await open(link)
}

/** Which alert a link leads to, as it is confirmed; nothing if it leads elsewhere. */
function called(link: string): { ding: string; instead_of?: string } | undefined {
  const { pathname, searchParams } = new URL(link, worker.location.origin)
  const ding = ALERT_PAGE.exec(pathname)?.[1]
  if (ding === undefined) return undefined
  const instead_of = searchParams.get(INSTEAD)
  return instead_of === null ? { ding } : { ding, instead_of }
}

/** Shows the app at this place: in a window that is open, or in a new one. */
async function open(link: string) {
  const [window] = await windows()
  if (window === undefined) return void (await worker.clients.openWindow(link))
  window.postMessage({ kind: 'open', link })
  await window.focus()
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
