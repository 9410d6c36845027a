import type { Worker } from '@playwright/test'
import type { Company } from './company.ts'
import { alert, look, send, shop } from './dinging.ts'
import { expect, PASSWORD, type Page, test } from './kit.ts'
import { barriers, overflowing, small } from './places/measure.ts'

const PHONE = { viewport: { width: 390, height: 844 } } as const

/** What makes a browser find a push service: tests have no network, and Chromium only Google's. */
const SUBSCRIBES = `
  const made = { subscription: null }
  const keys = {
    p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  }
  PushManager.prototype.subscribe = async () => {
    const endpoint = 'https://push.example.com/' + Math.random().toString(36).slice(2)
    made.subscription = {
      endpoint,
      toJSON: () => ({ endpoint, keys }),
      unsubscribe: async () => {
        made.subscription = null
        return true
      },
    }
    return made.subscription
  }
  PushManager.prototype.getSubscription = async () => made.subscription
`

let hired = 0

/** Somebody whom no other test tells anything. */
async function somebody(company: Company): Promise<string> {
  hired += 1
  const login = `pushed-${process.pid}-${hired}`
  await company.hire(login, `Olive ${hired}`)
  return login
}

/** Turns push messages on, as a person does who allows them. */
async function turnOn(page: Page): Promise<void> {
  await page.context().grantPermissions(['notifications'])
  await page.addInitScript(SUBSCRIBES)
  await page.goto('/settings')
  await page.getByRole('button', { name: 'Turn on' }).click()
  await expect(page.getByText('On for this device')).toBeVisible()
}

/** Brings messages to the service worker, as the browser does once it has decrypted them. */
async function delivering(page: Page): Promise<(payload: object) => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  const registered = new Promise<string>(resolve =>
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [registration] = registrations
      if (registration) resolve(registration.registrationId)
    }),
  )
  await devtools.send('ServiceWorker.enable')
  const registrationId = await registered
  const { origin } = new URL(page.url())
  const worker = workerOf(page)
  // What is asked for while Chromium is about to show it, it takes away.
  await worker.evaluate(() => {
    const scope = self as unknown as { registration: ServiceWorkerRegistration; shows: number }
    const show = scope.registration.showNotification.bind(scope.registration)
    scope.shows = 0
    scope.registration.showNotification = async (...what) => {
      await show(...what)
      scope.shows += 1
    }
  })
  const shows = () => worker.evaluate(() => (self as unknown as { shows: number }).shows)
  return async payload => {
    const before = await shows()
    const data = JSON.stringify(payload)
    await devtools.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data })
    await expect.poll(shows).toBe(before + 1)
  }
}

function workerOf(page: Page): Worker {
  const [worker] = page.context().serviceWorkers()
  if (!worker) throw new Error('there is no service worker')
  return worker
}

/** Presses what the system shows, or its button. */
async function press(page: Page, action = ''): Promise<void> {
  await workerOf(page).evaluate(async action => {
    const scope = self as unknown as {
      registration: ServiceWorkerRegistration
      NotificationEvent: new (kind: string, init: object) => Event
      dispatchEvent: (event: Event) => void
    }
    const [notification] = await scope.registration.getNotifications()
    const init = { notification, action }
    scope.dispatchEvent(new scope.NotificationEvent('notificationclick', init))
  }, action)
}

/** The words on the buttons of what the system shows. */
function offered(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const all = await (await navigator.serviceWorker.ready).getNotifications()
    const actions = all.flatMap(it => (it as unknown as { actions: { title: string }[] }).actions)
    return actions.map(({ title }) => title)
  })
}

/** What the system shows. */
function shown(page: Page) {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready
    const all = await registration.getNotifications()
    return all.map(({ title, body, tag, data, requireInteraction }) => ({
      title,
      body,
      tag,
      link: data.link as string,
      stays: requireInteraction,
    }))
  })
}

const ALERT = {
  kind: 'alert',
  title: 'DING from Bob',
  body: 'The shop opens at 8:30.',
  link: '/ding/01J00000000000000000000000',
  tag: 'ding-1',
  confirm: true,
} as const

test('push messages are asked for by a press only, and reach the device until they are turned off', async ({
  open,
  company,
}) => {
  const login = await somebody(company)
  const page = await open(login, { ...PHONE, path: 'about:blank' })
  await page.addInitScript(() => {
    Object.assign(window, { asked: 0 })
    const ask = Notification.requestPermission.bind(Notification)
    Notification.requestPermission = () => {
      Object.assign(window, { asked: (window as unknown as { asked: number }).asked + 1 })
      return ask()
    }
  })
  await page.context().grantPermissions(['notifications'])
  await page.addInitScript(SUBSCRIBES)
  await page.goto('/settings')
  await expect(page.getByText('Off for this device')).toBeVisible()
  const asked = () => page.evaluate(() => (window as unknown as { asked: number }).asked)
  expect(await asked()).toBe(0)
  await page.getByRole('button', { name: 'Turn on' }).click()
  await expect(page.getByText('On for this device')).toBeVisible()
  expect(await asked()).toBe(1)
  const device = page.getByRole('listitem').filter({ hasText: 'Chrome · Linux' })
  await expect(device).toContainText('This device')
  expect([...(await barriers(page)), ...(await overflowing(page)), ...(await small(page))]).toEqual(
    [],
  )
  await page.getByRole('button', { name: 'Turn off' }).click()
  await expect(page.getByText('Off for this device')).toBeVisible()
  await expect(device).toHaveCount(0)
})

test('an alert shows while the app is closed, and goes away once it was answered elsewhere', async ({
  open,
  company,
}) => {
  const login = await somebody(company)
  const page = await open(login, PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver(ALERT)
  await expect
    .poll(() => shown(page))
    .toEqual([
      { title: ALERT.title, body: ALERT.body, tag: ALERT.tag, link: ALERT.link, stays: true },
    ])
  // The same alert once more takes the place of the first.
  await deliver({ ...ALERT, body: 'Again' })
  await expect.poll(async () => (await shown(page)).map(({ body }) => body)).toEqual(['Again'])
  await deliver({ kind: 'withdrawn', title: ALERT.title, tag: ALERT.tag })
  await expect.poll(() => shown(page)).toEqual([])
  // A link that leads elsewhere leads to the app.
  await deliver({ ...ALERT, link: 'https://evil.example/', tag: 'other' })
  await expect.poll(async () => (await shown(page)).map(({ link }) => link)).toEqual(['/'])
})

test('whoever presses a notification is led to its place in the app that is open', async ({
  open,
  company,
}) => {
  const login = await somebody(company)
  const page = await open(login, PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver({ ...ALERT, link: '/people', confirm: false })
  await expect.poll(async () => (await shown(page)).length).toBe(1)
  // A press that no finger made may not bring the window to the front: that is the browser's part.
  await press(page)
  await expect(page).toHaveURL(/\/people/)
  await expect.poll(() => shown(page)).toEqual([])
})

test('whoever confirms in a notification has confirmed, without opening anything', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0] ?? '', PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  const { ding } = await send(company, of)
  await expect(alert(page)).toBeVisible()
  await deliver({ ...ALERT, link: `/ding/${ding}`, tag: ding })
  await expect.poll(() => offered(page)).toEqual(['Confirm'])
  await press(page, 'confirm')
  await expect(alert(page)).toBeHidden()
  await expect.poll(() => shown(page)).toEqual([])
  const { sent } = await company.as(of.manager, 'ding.get', { ding })
  expect(sent?.confirmed).toBe(1)
  await expect(page).toHaveURL(/\/settings/)
})

test('an alert that a notification shows has come, also where the app is closed', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0] ?? '', PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await page.goto('about:blank')
  const { ding } = await send(company, of)
  const state = async () => {
    const { recipients } = await company.as(of.manager, 'ding.status', { ding })
    return recipients[0]?.state
  }
  expect(await state()).toBe('queued')
  await deliver({ ...ALERT, link: `/ding/${ding}` })
  await expect.poll(state).toBe('delivered')
})

test('whoever is called instead of somebody confirms for them in the notification', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const [recipient = ''] = of.users
  const steps = [
    { after_s: 0, channel: 'app' as const },
    { after_s: 1, channel: 'app' as const, whom: { kind: 'manager' as const } },
  ]
  const rules = { name: `Called instead ${of.title}`, steps, cost_max: 0 }
  const { policy } = await company.as('frank', 'ding.policy.create', { rules })
  const page = await open(of.manager, PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  const sent = { text: 'The shop opens at 8:30.', to: { users: [recipient] }, policy }
  const { ding } = await company.as('frank', 'ding.send', sent)
  await expect(alert(page)).toContainText('has not confirmed')
  const link = `/ding/${ding}?instead_of=${recipient}`
  await deliver({ ...ALERT, link, tag: `${ding}:${recipient}` })
  await expect.poll(() => offered(page)).toEqual(['I take care of it'])
  await press(page, 'confirm')
  await expect(alert(page)).toBeHidden()
  const { recipients } = await company.as('frank', 'ding.status', { ding, limit: 10 })
  const manager = await company.as(of.manager, 'session.whoami', {})
  expect(recipients).toMatchObject([{ state: 'confirmed', handled_by: manager.user }])
  await company.as('frank', 'ding.policy.remove', { policy })
})

test('a notification that is confirmed without a connection stays, and says so', async ({
  open,
  company,
  wire,
  address,
  faults,
}) => {
  faults.allow(/net::ERR_/, /WebSocket connection to .* failed/)
  const of = await shop(company, 1)
  const page = await open(of.staff[0] ?? '', { ...PHONE, baseURL: address })
  await turnOn(page)
  const deliver = await delivering(page)
  const { ding } = await send(company, of)
  await deliver({ ...ALERT, link: `/ding/${ding}`, tag: ding })
  await expect.poll(() => offered(page)).toEqual(['Confirm'])
  wire.cut()
  await press(page, 'confirm')
  const bodies = async () => (await shown(page)).map(({ body }) => body)
  const words = `Not confirmed: no connection. Press again once you are online.\n${ALERT.body}`
  await expect.poll(bodies).toEqual([words])
  const confirmed = async () => (await company.as(of.manager, 'ding.get', { ding })).sent?.confirmed
  expect(await confirmed()).toBe(0)
  wire.mend()
  await press(page, 'confirm')
  await expect.poll(confirmed).toBe(1)
  await expect.poll(() => shown(page)).toEqual([])
})

test('an alert that needs a reply, or is over, opens the app where it was to be confirmed', async ({
  open,
  company,
}) => {
  const of = await shop(company, 1)
  const page = await open(of.staff[0] ?? '', PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver(ALERT)
  await expect.poll(() => offered(page)).toEqual(['Confirm'])
  await press(page, 'confirm')
  await expect(page).toHaveURL(/\/ding\/01J/)
  await expect.poll(() => shown(page)).toEqual([])
  const { ding } = await send(company, of, { reply_required: true })
  await expect(alert(page)).toBeVisible()
  await deliver({ ...ALERT, link: `/ding/${ding}`, tag: ding })
  await expect.poll(() => offered(page)).toEqual(['Confirm'])
  await press(page, 'confirm')
  await expect(page).toHaveURL(new RegExp(`/ding/${ding}`))
  const { sent } = await company.as(of.manager, 'ding.get', { ding })
  expect(sent?.confirmed).toBe(0)
})

test('a message that this version does not know shows something all the same', async ({
  open,
  company,
}) => {
  const page = await open(await somebody(company), PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver({ kind: 'of a later version' })
  await expect
    .poll(async () => (await shown(page)).map(({ body, link }) => [body, link]))
    .toEqual([['There is something new: open Carillon', '/']])
})

test('who blocked notifications, or has to install the app first, is told what to do', async ({
  open,
  company,
}) => {
  const login = await somebody(company)
  const page = await open(login, PHONE)
  // Whatever is not granted then is blocked.
  await page.context().grantPermissions(['clipboard-read'])
  await page.goto('/settings')
  await expect(page.getByText('This device does not let Carillon notify you')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Turn on' })).toHaveCount(0)
  const agent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1'
  const iphone = await open(login, { ...PHONE, path: 'about:blank', userAgent: agent })
  await iphone.addInitScript('delete window.PushManager')
  await iphone.goto('/settings')
  await expect(iphone.getByText('First put Carillon on the home screen')).toBeVisible()
  await expect(iphone.getByText('tap “Share”, then “Add to Home Screen”')).toBeVisible()
  await expect(iphone.getByRole('button', { name: 'Turn on' })).toHaveCount(0)
  await look(iphone, 'push-install')
})

/** Whether the browser would still take push messages for whoever was here. */
function subscribed(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready
    return (await pushManager.getSubscription()) !== null
  })
}

test('who signs out is reached no more on this device, and leaves nothing on its screen', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(/status of 401/)
  const login = await somebody(company)
  const page = await open(login, PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver(ALERT)
  await expect.poll(async () => (await shown(page)).length).toBe(1)
  const devices = async () => (await company.as(login, 'notify.push.list', {})).devices.length
  expect(await devices()).toBe(1)
  await page.getByRole('button', { name: 'Sign out on this device' }).click()
  await page
    .getByRole('dialog', { name: 'Sign out' })
    .getByRole('button', { name: 'Sign out' })
    .click()
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  await expect.poll(devices).toBe(0)
  await expect.poll(() => subscribed(page)).toBe(false)
  await expect.poll(() => shown(page)).toEqual([])
})

test('of a session that was ended elsewhere nothing is left on the screen, nor for the next person', async ({
  open,
  company,
  faults,
}) => {
  faults.allow(/status of 401/)
  const [login, next] = [await somebody(company), await somebody(company)]
  const page = await open(login, PHONE)
  await turnOn(page)
  const deliver = await delivering(page)
  await deliver(ALERT)
  await expect.poll(async () => (await shown(page)).length).toBe(1)
  const { devices } = await company.as(login, 'session.devices', {})
  for (const { session, current } of devices) {
    if (!current) await company.as(login, 'session.revoke', { session })
  }
  await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible()
  await expect.poll(() => shown(page)).toEqual([])
  await page.getByLabel('Sign-in name').fill(next)
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  // Who has not chosen a language yet reads the organisation's.
  await expect(page.getByText('呢部機未開啟')).toBeVisible()
  await expect.poll(() => subscribed(page)).toBe(false)
  expect((await company.as(next, 'notify.push.list', {})).devices).toEqual([])
})

test('the app can be put on a home screen, and its service worker keeps no pages', async ({
  open,
  company,
  server,
  request,
}) => {
  const manifest = await (await request.get(`${server.url}/app.webmanifest`)).json()
  expect(manifest).toMatchObject({ display: 'standalone', start_url: '/' })
  for (const { src, type } of manifest.icons as { src: string; type: string }[]) {
    const icon = await request.get(server.url + src)
    expect(icon.headers()['content-type'], src).toContain(type)
  }
  const login = await somebody(company)
  const page = await open(login, PHONE)
  await turnOn(page)
  expect(await page.evaluate(() => caches.keys())).toEqual([])
  const script = await request.get(`${server.url}/push.js`)
  expect(script.headers()['cache-control']).toBe('no-cache')
  expect(await script.text()).not.toMatch(/addEventListener\(.fetch/)
})

test('a number of one’s own is proved by a code; where none can be sent, the person is told', async ({
  open,
  company,
}) => {
  const login = await somebody(company)
  const page = await open(login, { ...PHONE, path: '/settings' })
  await page.getByRole('button', { name: 'Add: Phone number' }).click()
  const form = page.getByRole('dialog', { name: 'Phone number' })
  await form.getByLabel('Phone number').fill('call me')
  await form.getByRole('button', { name: 'Send a code' }).click()
  await expect(form.getByText('This address is not understood')).toBeVisible()
  await form.getByLabel('Phone number').fill('+852 9123 4567')
  await form.getByRole('button', { name: 'Send a code' }).click()
  await expect(form.getByText('No code can be sent')).toBeVisible()
  await form.getByRole('button', { name: 'Cancel' }).click()
  // Who administers people knows them, and needs no code.
  const user = await company.user(login)
  const staff = await open('frank', { path: `/admin/people/${user}` })
  await staff.getByRole('button', { name: 'Add: Phone number' }).click()
  const known = staff.getByRole('dialog', { name: 'Phone number' })
  await known.getByLabel('Phone number').fill('+852 9123 4567')
  await known.getByRole('button', { name: 'Save' }).click()
  await expect(known).toHaveCount(0)
  await page.reload()
  const row = page.getByRole('listitem').filter({ hasText: 'Phone number' })
  await expect(row).toContainText('+85291234567')
  await page.getByRole('button', { name: 'Remove: Phone number' }).click()
  await expect(row).toContainText('None yet')
})
