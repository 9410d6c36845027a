import type { Page } from '@playwright/test'
import { expect } from './kit.ts'
import { bar, enter, join, meets, press, tile } from './meeting.ts'
import { test, WITH_DEVICES } from './visiting.ts'

test.use(WITH_DEVICES)

/** Keeps every track that the page opens, from its next load on. */
async function keepTracks(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const { mediaDevices } = navigator
    const get = mediaDevices.getUserMedia.bind(mediaDevices)
    window.opened = []
    mediaDevices.getUserMedia = async wanted => {
      const stream = await get(wanted)
      window.opened.push(...stream.getTracks())
      return stream
    }
  })
  await page.reload()
}

/** How many of these are open. */
function live(page: Page): Promise<number> {
  return page.evaluate(() => window.opened.filter(one => one.readyState === 'live').length)
}

/** As if another window covered the page, or not any more. */
async function cover(page: Page, state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate(state => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, state)
}

test('who goes back while they go in leaves no place and no camera behind', async ({
  visit,
  company,
  wire,
  address,
  faults,
}) => {
  faults.allow(/net::ERR_(CONNECTION|SOCKET|EMPTY)_/, /WebSocket connection to .* failed/)
  const conv = await company.group('On second thoughts', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv, { baseURL: address })
  await keepTracks(bob)
  await bob.getByRole('button', { name: /^Join meeting/ }).click()
  await expect(bob.locator('.before-picture video')).toBeVisible()
  await expect(bob.getByText('The network is', { exact: false })).toBeVisible()
  // The server's answers wait.
  wire.hold()
  await join(bob)
  await expect(tile(amy, 'Bob')).toHaveCount(1)
  // What goes in is what was open when the button was pressed.
  await expect(bob.getByRole('button', { name: 'Stop video' })).toBeDisabled()
  await expect(bob.getByRole('button', { name: 'Mute' })).toBeDisabled()
  await expect(bob.locator('.before-devices > [inert]')).toHaveCount(1)
  await bob.getByRole('link', { name: 'Back' }).click()
  await expect(bob.getByRole('textbox', { name: /^Write to/ })).toBeVisible()
  await expect.poll(() => live(bob)).toBe(0)
  wire.letThrough()
  await expect(tile(amy, 'Bob')).toHaveCount(0)
  await expect(bob.getByRole('link', { name: 'Return' })).toHaveCount(0)
})

test('whoever a phone call silences is told that the others do not hear them', async ({
  visit,
  company,
}) => {
  const conv = await company.group('A call comes in', 'amy', 'bob')
  const page = await visit('amy', conv)
  await keepTracks(page)
  await enter(page)
  const silence = (kind: string, silent: boolean) =>
    page.evaluate(
      ([kind, silent]) => {
        const track = window.opened.findLast(one => one.kind === kind && one.readyState === 'live')
        if (!track) throw new Error(`no ${kind} is open`)
        Object.defineProperty(track, 'muted', { value: silent, configurable: true })
        track.dispatchEvent(new Event(silent ? 'mute' : 'unmute'))
      },
      [kind, silent] as const,
    )
  const words = page.getByText('Your device has paused the microphone')
  await silence('audio', true)
  await expect(words).toBeVisible()
  await silence('video', true)
  await expect(page.getByText('Your device has paused the camera')).toBeVisible()
  await silence('audio', false)
  await expect(words).toHaveCount(0)
  // Who has switched it off knows that nobody sees them.
  await press(page, 'Stop video')
  await expect(page.getByText('Your device has paused the camera')).toHaveCount(0)
})

test('a picture that stands still says so, and only as long as it does', async ({
  visit,
  company,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('In the tunnel', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv)
  await enter(bob)
  await meets(amy, 1)
  await expect(tile(amy, 'Bob')).not.toContainText('Waiting for the picture')
  // Bob's network takes nothing, and nobody has told the server.
  const send = (on: boolean) =>
    bob.evaluate(async on => {
      for (const connection of window.connections) {
        for (const sender of connection.getSenders()) {
          if (!on && sender.track?.kind === 'video') {
            window.taken = [sender, sender.track]
            await sender.replaceTrack(null)
          } else if (on && window.taken?.[0] === sender) {
            await sender.replaceTrack(window.taken[1])
          }
        }
      }
    }, on)
  await send(false)
  await expect(tile(amy, 'Bob')).toContainText('Waiting for the picture', { timeout: 30_000 })
  await expect(tile(amy, 'Amy')).not.toContainText('Waiting for the picture')
  await send(true)
  await expect(tile(amy, 'Bob')).not.toContainText('Waiting for the picture', { timeout: 30_000 })
  await send(false)
  await expect(tile(amy, 'Bob')).toContainText('Waiting for the picture', { timeout: 30_000 })
  // Who switches the camera off is not waited for.
  await press(bob, 'Stop video')
  await expect(tile(amy, 'Bob')).not.toContainText('Waiting for the picture')
})

test('a phone stays awake in a meeting, and sleeps after it', async ({ visit, company }) => {
  const conv = await company.group('Wide awake', 'amy', 'bob')
  const page = await visit('amy', conv)
  await page.addInitScript(() => {
    window.awake = new Set()
    const request = async () => {
      const lock = { release: async () => void window.awake.delete(lock) }
      window.awake.add(lock)
      return lock
    }
    Object.defineProperty(navigator, 'wakeLock', { value: { request } })
  })
  await page.reload()
  const awake = () => page.evaluate(() => window.awake.size)
  await enter(page)
  await expect.poll(awake).toBe(1)
  // The browser takes it back when another page is shown.
  await cover(page, 'hidden')
  await page.evaluate(() => window.awake.clear())
  await cover(page, 'visible')
  await expect.poll(awake).toBe(1)
  await press(page, 'Leave')
  await page.getByRole('menuitem', { name: 'Leave the meeting', exact: true }).click()
  await expect.poll(awake).toBe(0)
})

test('nobody is sent pictures that they cannot see', async ({ visit, company }) => {
  const conv = await company.group('Behind another window', 'amy', 'bob')
  const bob = await visit('bob', conv)
  await enter(bob)
  const amy = await visit('amy', conv)
  const views: number[] = []
  amy.on('websocket', socket =>
    socket.on('framesent', ({ payload }) => {
      const { op, args } = JSON.parse(String(payload))
      if (op === 'room.subscribe') views.push(args.views.length)
    }),
  )
  await amy.reload()
  await enter(amy)
  await expect.poll(() => views.at(-1)).toBe(1)
  await cover(amy, 'hidden')
  await expect.poll(() => views.at(-1), { timeout: 15_000 }).toBe(0)
  await cover(amy, 'visible')
  await expect.poll(() => views.at(-1)).toBe(1)
})

test('on a Mac the key of commands is ⌘, and Ctrl moves the cursor', async ({ visit, company }) => {
  const conv = await company.group('An apple', 'amy', 'bob')
  const page = await visit('amy', conv, {
    userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0',
  })
  await enter(page)
  const button = (name: string) => bar(page).getByRole('button', { name, exact: true })
  await expect(button('Mute')).toBeVisible()
  await press(page, 'Chat')
  const writing = page.getByRole('textbox', { name: /^Write to/ })
  await writing.fill('Two words')
  await writing.press('Control+d')
  await writing.press('Control+e')
  await expect(button('Mute')).toBeVisible()
  await expect(button('Stop video')).toBeVisible()
  await writing.press('Meta+d')
  await expect(button('Unmute')).toBeVisible()
  // With the capitals locked it is the same key to a person.
  await writing.press('Meta+D')
  await expect(button('Mute')).toBeVisible()
})

/** Waits until the strip shows whole tiles, and for so many people one or a number. */
async function wholeTiles(page: Page, people: number): Promise<void> {
  const strip = page.locator('.stage-strip')
  await expect(async () => {
    const { bottom } = await strip.evaluate(one => one.getBoundingClientRect())
    const tiles = strip.getByRole('listitem')
    const ends = await tiles.evaluateAll(all => all.map(one => one.getBoundingClientRect().bottom))
    expect(Math.max(...ends)).toBeLessThanOrEqual(bottom + 1)
    const words = await strip.getByText(/^\d+ more$/).textContent()
    expect(ends.length - 1 + Number.parseInt(words ?? '', 10)).toBe(people)
  }).toPass({ timeout: 10_000 })
}

test('with large letters the strip still shows whole tiles, and how many more there are', async ({
  visit,
  company,
}) => {
  const others = ['bob', 'carol', 'frank', 'leo', 'mandy']
  const conv = await company.group('Large letters', 'amy', ...others)
  const page = await visit('amy', conv, { viewport: { width: 900, height: 640 } })
  await page.evaluate(() => document.documentElement.style.setProperty('font-size', '24px'))
  await enter(page)
  const [room] = (await company.as('amy', 'room.list', { conv })).rooms
  if (!room) throw new Error('nobody is in a meeting')
  for (const login of others) await company.as(login, 'room.join', { room: room.room })
  await press(page, 'More')
  await page.getByRole('menuitem', { name: 'Speaker view' }).click()
  await wholeTiles(page, others.length)
  // Also where there is room for one only.
  await page.setViewportSize({ width: 900, height: 520 })
  await wholeTiles(page, others.length)
})

declare global {
  interface Window {
    /** What the page has opened. */
    opened: MediaStreamTrack[]
    /** What was taken from a connection, and put back later. */
    taken?: [RTCRtpSender, MediaStreamTrack]
    /** What keeps the screen awake. */
    awake: Set<object>
  }
}
