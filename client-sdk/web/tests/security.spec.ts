import type { Page } from '@playwright/test'
import { box, message, say } from './chatting.ts'
import { test as base, expect } from './kit.ts'
import { Stranger } from './stranger.ts'
import { Witness } from './witness.ts'

const test = base.extend<{ elsewhere: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
  elsewhere: async ({}, use) => {
    const stranger = new Stranger()
    await use(await stranger.start())
    stranger.dispose()
  },
})

/** What each page says that a browser may do with it. */
const POLICY = {
  'default-src': "'self'",
  'script-src': "'self'",
  'style-src': "'self'",
  // Pictures in messages: the only thing that comes from elsewhere.
  'img-src': "'self' data: blob: https:",
  'connect-src': "'self'",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
} as const

test('pages and their parts say what a browser may do with them', async ({ server, request }) => {
  const page = await (await request.get(`${server.url}/`)).text()
  const parts = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '')
  expect(parts.some(path => path.endsWith('.js'))).toBe(true)
  const pages = ['/', '/people', '/join', '/c/01J00000000000000000000000']
  for (const path of [...pages, ...parts]) {
    const headers = { accept: 'text/html' }
    const answer = await request.get(server.url + path, { headers })
    expect(answer.status(), path).toBe(200)
    const said = answer.headers()
    const policy = said['content-security-policy'] ?? ''
    const directives = policy.split(';').map(directive => directive.trim())
    for (const [name, value] of Object.entries(POLICY)) {
      expect(directives, path).toContain(`${name} ${value}`)
    }
    const rest = directives.filter(directive => !directive.startsWith('img-src '))
    expect(rest.join(';'), path).not.toMatch(/unsafe|https?:|\*/)
    expect(said['x-content-type-options'], path).toBe('nosniff')
    expect(said['referrer-policy'], path).toBe('no-referrer')
    expect(said['cross-origin-opener-policy'], path).toBe('same-origin')
    expect(said.server, path).toBeUndefined()
  }
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/)
})

test('what signs a person in is out of reach of every script', async ({ open, company }) => {
  const conv = await company.group('Storage', 'amy', 'bob')
  const page = await open('amy', { path: 'about:blank' })
  const ticket = page.waitForResponse(/session\.token$/)
  await page.goto(`/c/${conv}`)
  const { token } = (await (await ticket).json()) as { token: string }
  await say(page, 'This is in the log')
  await expect(message(page, 'This is in the log')).toBeVisible()
  await box(page).fill('and something that is not sent')
  const [cookie, ...others] = await page.context().cookies()
  expect(others).toEqual([])
  expect(cookie).toMatchObject({ name: 'carillon', httpOnly: true, sameSite: 'Lax', path: '/' })
  const kept = await page.evaluate(everythingKept)
  expect(kept).toContain('and something that is not sent')
  for (const secret of [token, cookie?.value ?? '']) {
    expect(secret.length).toBeGreaterThan(20)
    expect(kept).not.toContain(secret)
  }
})

/** All that a script of this page could read in the browser's stores and in the address. */
async function everythingKept(): Promise<string> {
  const ended = <T>(request: IDBRequest<T>) =>
    new Promise<T>((done, failed) => {
      request.onsuccess = () => done(request.result)
      request.onerror = () => failed(request.error)
    })
  const found: unknown[] = [document.cookie, location.href, history.state]
  for (const store of [localStorage, sessionStorage]) found.push(Object.entries(store))
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await ended(indexedDB.open(name))
    for (const store of database.objectStoreNames) {
      const rows = database.transaction(store).objectStore(store)
      found.push(await ended(rows.getAll()), await ended(rows.getAllKeys()))
    }
    database.close()
  }
  for (const name of await caches.keys()) {
    found.push((await (await caches.open(name)).keys()).map(({ url }) => url))
  }
  const texts = JSON.stringify(found)
  if (document.cookie !== '') throw new Error(`a script reads the cookie: ${document.cookie}`)
  return texts
}

/** What a page elsewhere tries, with the cookie of whoever opens it. */
async function attack(page: Page, victim: string): Promise<string[]> {
  return page.evaluate(async victim => {
    const body = JSON.stringify({ name: 'Stolen' })
    const url = `${victim}/v1/rpc/org.update`
    const tries: RequestInit[] = ['application/json', 'text/plain'].flatMap(type =>
      (['cors', 'no-cors'] as const).map(mode => ({
        method: 'POST',
        mode,
        credentials: 'include',
        headers: { 'content-type': type },
        body,
      })),
    )
    const found: string[] = []
    for (const options of tries) {
      const answer = await fetch(url, options).catch(() => undefined)
      if (answer?.type === 'cors' || answer?.ok) found.push(`read: ${await answer.text()}`)
    }
    const opened = await new Promise<boolean>(done => {
      const socket = new WebSocket(`${victim.replace('http', 'ws')}/v1/ws`, 'carillon.v1.json')
      socket.onopen = () => done(true)
      socket.onerror = () => done(false)
    })
    if (opened) found.push('a socket was opened')
    return found
  }, victim)
}

test('a page from elsewhere changes nothing in somebody else’s name', async ({
  open,
  server,
  company,
  elsewhere,
  faults,
}) => {
  faults.allow(/status of 4/, /CORS/, /net::ERR_/, /WebSocket connection/)
  const before = await company.as('frank', 'org.get', {})
  const page = await open('frank')
  await expect(page.getByRole('link', { name: 'Manage' })).toBeVisible()
  // What the app itself still asks is answered before that.
  await page.goto(elsewhere)
  const answers: number[] = []
  page.on('response', answer => {
    const isAttack = answer.url().includes('/v1/rpc/') && answer.request().method() === 'POST'
    if (isAttack) answers.push(answer.status())
  })
  expect(await attack(page, server.url)).toEqual([])
  // A form needs no leave to send, and takes the cookie with it.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    await page.goto(elsewhere)
    const sent = page.waitForResponse(/org\.update$/)
    await page.evaluate(
      ({ victim, type }) => {
        const form = document.createElement('form')
        form.method = 'post'
        form.enctype = type
        form.action = `${victim}/v1/rpc/org.update`
        const field = document.createElement('input')
        field.name = '{"name":"Stolen","x":"'
        field.value = '"}'
        form.append(field)
        document.body.append(form)
        form.submit()
      },
      { victim: server.url, type },
    )
    expect((await sent).status()).toBeGreaterThanOrEqual(400)
    await page.waitForURL(/org\.update$/)
  }
  expect(answers.length).toBeGreaterThan(0)
  expect(answers.filter(status => status < 400)).toEqual([])
  expect(await company.as('frank', 'org.get', {})).toEqual(before)
})

test('nobody puts the app into a frame', async ({ open, server, elsewhere, faults }) => {
  faults.allow(/frame-ancestors/, /401/)
  const page = await open(undefined, { path: elsewhere })
  await page.evaluate(victim => {
    const frame = document.createElement('iframe')
    frame.src = victim
    document.body.append(frame)
  }, `${server.url}/`)
  await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error:/)
})

test('no text becomes markup, and no script stands in a page', async ({ open, server, faults }) => {
  faults.allow(/Content Security Policy/, /TrustedHTML|TrustedScript/, /trusted/i)
  const witness = new Witness(server.url)
  const page = await open('amy', { path: 'about:blank' })
  await witness.watch(page)
  await page.goto('/')
  await expect(page.getByRole('region', { name: 'Conversations' })).toBeVisible()
  expect(witness.seen).toEqual([])
  const thrown = await page.evaluate(() => {
    try {
      document.body.innerHTML = '<p>'
      return 'nothing'
    } catch (error) {
      return error instanceof TypeError ? 'TypeError' : String(error)
    }
  })
  expect(thrown).toBe('TypeError')
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.append('window.__pwned = 1')
    document.body.append(script)
    new Image().src = 'http://evil.example/pixel.gif'
  })
  await expect.poll(() => witness.seen.join('\n')).toMatch(/img-src[^\n]* stopped http:\/\/evil/)
  expect(witness.seen.join('\n')).toMatch(/(script-src|trusted-types)\S* stopped/)
  expect(witness.seen.join('\n')).not.toContain('something ran')
  // And a witness who hears nothing would be of no use.
  await page.evaluate(() => Object.assign(window, { __pwned: 1 }))
  await expect.poll(() => witness.seen).toContain('something ran')
})
