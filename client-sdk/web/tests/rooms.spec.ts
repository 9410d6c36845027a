import { delays, nextFace, percentile, showTime } from './delay.ts'
import { expect, figure } from './kit.ts'
import { bar, enter, join, meets, press, tile } from './meeting.ts'
import { look, test, WITH_DEVICES } from './visiting.ts'

test.use(WITH_DEVICES)

test('three people of a conversation see and hear each other, from one button', async ({
  visit,
  company,
}) => {
  test.setTimeout(150_000)
  const conv = await company.group('Morning round', 'amy', 'bob', 'carol')
  const amy = await visit('amy', conv)
  await enter(amy)
  await expect(amy.getByText('You are alone here.')).toBeVisible()
  const bob = await visit('bob', conv)
  await expect(bob.getByRole('button', { name: 'Join meeting (1)' })).toBeVisible()
  await enter(bob)
  // The card in the conversation leads there too.
  const carol = await visit('carol', conv)
  await carol.getByRole('article').getByRole('link').click()
  await join(carol)
  const all = [amy, bob, carol]
  for (const page of all) await meets(page, 2)

  await press(bob, 'Mute')
  await expect(bar(bob).getByRole('button', { name: 'Unmute' })).toBeVisible()
  for (const page of [amy, carol]) await expect(tile(page, 'Bob')).toContainText('Muted')
  await press(carol, 'Raise hand')
  await expect(tile(amy, 'Carol')).toContainText('Hand raised, number 1')
  await press(bob, 'Raise hand')
  await expect(tile(amy, 'Bob')).toContainText('Hand raised, number 2')
  await press(amy, 'React')
  await amy.getByRole('button', { name: '👏' }).click()
  for (const page of all) await expect(page.getByText(/Amy Chan: 👏/)).toBeAttached()

  await press(bob, 'Share screen')
  await expect(amy.getByRole('figure')).toContainText('is sharing')
  await expect(bob.getByText('Everybody sees your screen')).toBeVisible()
  await meets(amy, 3)
  await bar(bob).getByRole('button', { name: 'Stop sharing' }).click()
  await expect(amy.getByRole('figure')).toHaveCount(0)

  await press(carol, 'Leave')
  await expect(carol.getByText('You have left the meeting')).toBeVisible()
  await expect(carol.getByRole('heading', { name: 'Morning round' })).toBeFocused()
  await expect(tile(amy, 'Carol')).toHaveCount(0)
  await press(amy, 'Leave')
  await amy.getByRole('menuitem', { name: 'End for everybody' }).click()
  await amy.getByRole('dialog').getByRole('button', { name: 'End for everybody' }).click()
  for (const page of [amy, bob]) await expect(page.getByText('The meeting is over')).toBeVisible()
})

test('who moderates mutes, lets in and puts out', async ({ visit, company }) => {
  test.setTimeout(120_000)
  const conv = await company.group('With a door', 'amy', 'bob', 'carol')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv)
  await enter(bob)
  await press(amy, 'People')
  const panel = amy.getByRole('complementary')
  await panel.getByRole('button', { name: /about .*Bob/ }).click()
  await amy.getByRole('menuitem', { name: 'Mute' }).click()
  await expect(bob.getByText('A moderator has muted you')).toBeVisible()
  await expect(bar(bob).getByRole('button', { name: 'Unmute' })).toBeVisible()

  await press(bob, 'Share screen')
  await expect(amy.getByRole('figure')).toBeVisible()
  await panel.getByRole('button', { name: /about .*Bob/ }).click()
  await amy.getByRole('menuitem', { name: 'Stop sharing' }).click()
  await expect(bob.getByText('A moderator has stopped your sharing')).toBeVisible()
  await expect(bob.getByText('Everybody sees your screen')).toHaveCount(0)
  await panel.getByRole('checkbox', { name: 'Members may share their screens' }).uncheck()
  await press(bob, 'Share screen')
  await expect(bob.getByRole('alert')).toContainText('The host does not allow this now')
  await expect(bob.getByText('Everybody sees your screen')).toHaveCount(0)

  await panel.getByRole('checkbox', { name: 'People wait until they are let in' }).check()
  const carol = await visit('carol', conv)
  await carol.getByRole('button', { name: /^Join meeting/ }).click()
  await join(carol)
  await expect(carol.getByText('Waiting for the host to let you in')).toBeVisible()
  await expect(amy.getByText(/Carol.* wants to come in/)).toBeVisible()
  await look(carol, 'waiting')
  await look(amy, 'people')
  await panel.getByRole('button', { name: 'Let in' }).click()
  await expect(bar(carol)).toBeVisible()
  await meets(carol, 2)

  await panel.getByRole('button', { name: /about .*Bob/ }).click()
  await amy.getByRole('menuitem', { name: 'Remove' }).click()
  await amy.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(bob.getByText('A moderator has removed you')).toBeVisible()
  await expect(bob.getByRole('button', { name: 'Join again' })).toHaveCount(0)
  await bob.getByRole('link', { name: 'Go to the conversation' }).click()
  await bob.getByRole('button', { name: /^Join meeting/ }).click()
  await join(bob)
  await expect(bob.getByRole('alert')).toContainText('a moderator has removed you')
})

test('a meeting goes on while its people read elsewhere, and when they load the page again', async ({
  visit,
  company,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('Elsewhere', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv)
  await enter(bob)
  await meets(bob, 1)
  await bob.getByRole('link', { name: 'Settings' }).click()
  const around = bob.getByRole('region', { name: 'Meeting' })
  await expect(around).toContainText('In a meeting: Elsewhere')
  await meets(bob, 0)
  await around.getByRole('link', { name: 'Return' }).click()
  await expect(bar(bob)).toBeVisible()
  await meets(bob, 1)
  await press(bob, 'Mute')
  await expect(tile(amy, 'Bob')).toContainText('Muted')
  await bob.reload()
  await expect(bar(bob)).toBeVisible()
  await expect(bar(bob).getByRole('button', { name: 'Unmute' })).toBeVisible()
  await meets(bob, 1)
  await expect(tile(amy, 'Bob')).toHaveCount(1)
})

test('who reads elsewhere lets in and is let in, and is told so', async ({ visit, company }) => {
  test.setTimeout(120_000)
  const conv = await company.group('By the way', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  await press(amy, 'People')
  await amy.getByRole('checkbox', { name: 'People wait until they are let in' }).check()
  await amy.getByRole('link', { name: 'Settings' }).click()
  const bob = await visit('bob', conv)
  await bob.getByRole('button', { name: /^Join meeting/ }).click()
  await join(bob)
  // Who waits sees what the others will see, and can still switch it off.
  await expect(bob.getByRole('heading', { name: 'By the way' })).toBeFocused()
  await expect(bob.locator('.before-picture video')).toBeVisible()
  await bob.getByRole('button', { name: 'Mute' }).click()
  await expect(bob.getByRole('button', { name: 'Unmute' })).toBeVisible()
  await bob.getByRole('link', { name: 'Settings' }).click()
  const beside = bob.getByRole('region', { name: 'Meeting' })
  await expect(beside).toContainText('Waiting to join: By the way')
  await look(bob, 'around-waiting')
  const around = amy.getByRole('region', { name: 'Meeting' })
  await expect(around).toContainText(/Bob.* wants to come in/)
  await look(amy, 'around-knocking')
  await around.getByRole('button', { name: 'Let in' }).click()
  await expect(bob.getByText('You have been let in')).toBeVisible()
  await expect(beside).toContainText('In a meeting: By the way')
  await beside.getByRole('button', { name: 'Stop video' }).click()
  await expect(beside.getByRole('button', { name: 'Start video' })).toBeVisible()
  await around.getByRole('link', { name: 'Return' }).click()
  await expect(amy.getByRole('heading', { name: 'By the way' })).toBeFocused()
  await expect(tile(amy, 'Bob')).toContainText('Muted')
  await expect(tile(amy, 'Bob').locator('video')).toHaveCount(0)
  await beside.getByRole('button', { name: 'Leave' }).click()
  await expect(tile(amy, 'Bob')).toHaveCount(0)
})

test('of two shared screens the newest is large, and the other one is a press away', async ({
  visit,
  company,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('Two screens', 'amy', 'bob', 'carol')
  const amy = await visit('amy', conv)
  await enter(amy)
  const [bob, carol] = [await visit('bob', conv), await visit('carol', conv)]
  const large = amy.locator('.stage-large')
  for (const [page, name] of [
    [bob, 'Bob'],
    [carol, 'Carol'],
  ] as const) {
    await enter(page)
    await press(page, 'Share screen')
    await expect(large).toContainText(name)
  }
  await amy.getByRole('button', { name: /Look at the screen of .*Bob/ }).click()
  await expect(large).toContainText('Bob')
  await expect(amy.getByRole('button', { name: /Look at the screen of .*Carol/ })).toBeVisible()
  await look(amy, 'two-screens')
  await bar(bob).getByRole('button', { name: 'Stop sharing' }).click()
  await expect(large).toContainText('Carol')
})

test('who speaks is seen to speak, until they are silent', async ({ visit, company }) => {
  const conv = await company.group('One voice', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  await press(amy, 'Mute')
  const bob = await visit('bob', conv)
  // A voice that goes on: the browser's own one beeps, and is silent in between.
  await bob.addInitScript(() => {
    const { mediaDevices } = navigator
    const get = mediaDevices.getUserMedia.bind(mediaDevices)
    mediaDevices.getUserMedia = async wanted => {
      if (!wanted?.audio) return get(wanted)
      const context = new AudioContext()
      const out = context.createMediaStreamDestination()
      const tone = new OscillatorNode(context, { frequency: 220, type: 'sawtooth' })
      tone.connect(new GainNode(context, { gain: 0.3 })).connect(out)
      tone.start()
      return out.stream
    }
  })
  await bob.reload()
  await enter(bob)
  await expect(tile(amy, 'Bob')).toHaveAttribute('data-speaking')
  await expect(amy.getByText(/Bob Wong is speaking/)).toBeVisible()
  await press(bob, 'Mute')
  await expect(tile(amy, 'Bob')).not.toHaveAttribute('data-speaking')
  await expect(amy.getByText(/Bob Wong is speaking/)).toHaveCount(0)
})

test('a screen that is chosen after one has left is not captured', async ({ visit, company }) => {
  const conv = await company.group('Too late', 'amy', 'bob')
  const page = await visit('amy', conv)
  // The browser's own question stands until somebody answers it.
  await page.addInitScript(() => {
    const { mediaDevices } = navigator
    const get = mediaDevices.getDisplayMedia.bind(mediaDevices)
    mediaDevices.getDisplayMedia = async wanted => {
      await new Promise(answered => addEventListener('answered', answered, { once: true }))
      const stream = await get(wanted)
      window.screens = stream.getTracks()
      return stream
    }
  })
  await page.reload()
  await enter(page)
  await press(page, 'Share screen')
  await press(page, 'Leave')
  await page.getByRole('menuitem', { name: 'Leave the meeting', exact: true }).click()
  await expect(page.getByText('You have left the meeting')).toBeVisible()
  await page.evaluate(() => dispatchEvent(new Event('answered')))
  await expect
    .poll(() => page.evaluate(() => window.screens?.map(({ readyState }) => readyState)))
    .toContain('ended')
  expect(await page.evaluate(() => window.screens?.some(one => one.readyState === 'live'))).toBe(
    false,
  )

  // Whoever comes again reads how it is now.
  await page.getByRole('link', { name: 'Go to the conversation' }).click()
  await page.goBack()
  await expect(page.getByText('The meeting is over')).toBeVisible()
})

test('keys do what is done often', async ({ visit, company }) => {
  const conv = await company.group('By hand', 'amy', 'bob')
  const page = await visit('amy', conv)
  await enter(page)
  const button = (name: string) => bar(page).getByRole('button', { name, exact: true })
  await expect(button('Mute')).toBeVisible()
  await page.keyboard.press('Control+d')
  await expect(button('Unmute')).toBeVisible()
  await page.keyboard.press('Control+e')
  await expect(button('Start video')).toBeVisible()
  await page.keyboard.down('Space')
  await expect(button('Mute')).toBeVisible()
  await page.keyboard.up('Space')
  await expect(button('Unmute')).toBeVisible()
  await page.keyboard.press('h')
  await expect(button('Lower hand')).toBeVisible()
  await page.keyboard.press('?')
  const help = page.getByRole('dialog', { name: 'Keyboard' })
  await help.getByRole('checkbox', { name: 'Keys of one letter' }).uncheck()
  await page.keyboard.press('Escape')
  await page.keyboard.press('h')
  await page.keyboard.press('Control+e')
  await expect(button('Stop video')).toBeVisible()
  await expect(button('Lower hand')).toBeVisible()
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await press(page, 'Chat')
  await expect(page.getByRole('complementary', { name: 'Chat' })).toBeVisible()
  await page.getByRole('textbox', { name: /^Write to/ }).fill('In a moment')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('article').filter({ hasText: 'In a moment' })).toBeVisible()
  await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click()
  await expect(page.getByRole('complementary')).toHaveCount(0)
})

test('a meeting is planned for later, is found in the conversation, and called off', async ({
  visit,
  company,
}) => {
  const conv = await company.group('Next week', 'amy', 'bob')
  const page = await visit('amy', conv)
  await page.getByRole('button', { name: 'Details' }).click()
  await page.getByRole('button', { name: 'Meet later' }).click()
  const form = page.getByRole('dialog', { name: 'Meet later' })
  await form.getByRole('textbox', { name: 'Topic' }).fill('Stock-taking')
  await form.getByLabel('Date').fill('2001-01-01')
  await form.getByRole('button', { name: 'Plan' }).click()
  await expect(form.getByRole('alert')).toContainText('Choose a future time')
  const soon = new Date(Date.now() + 3 * 24 * 3_600_000).toISOString().slice(0, 10)
  await form.getByLabel('Date').fill(soon)
  await form.getByLabel('Time').fill('09:30')
  await form.getByRole('button', { name: 'Plan' }).click()
  await expect(form).toHaveCount(0)
  const planned = page.getByRole('list', { name: 'Planned meetings' }).getByRole('listitem')
  await expect(planned).toContainText('Stock-taking')
  await expect(planned).toContainText('09:30')
  await look(page, 'planned')
  await planned.getByRole('button', { name: 'Cancel meeting' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel meeting' }).click()
  await expect(planned).toHaveCount(0)
})

for (const [name, error, words] of [
  ['denied', 'NotAllowedError', 'The browser does not allow the camera'],
  ['missing', 'NotFoundError', 'There is no camera. Sound only is fine.'],
  ['busy', 'NotReadableError', 'The camera cannot be used'],
] as const) {
  test(`who has no camera is told why and joins without one: ${name}`, async ({
    visit,
    company,
  }) => {
    const conv = await company.group(`Camera ${name}`, 'amy', 'bob')
    const page = await visit('amy', conv)
    await page.addInitScript(error => {
      const { mediaDevices } = navigator
      const get = mediaDevices.getUserMedia.bind(mediaDevices)
      mediaDevices.getUserMedia = async wanted => {
        if (wanted?.video) throw new DOMException('not here', error)
        return get(wanted)
      }
    }, error)
    await page.reload()
    await page.getByRole('button', { name: 'Start meeting' }).click()
    await expect(page.getByText(words)).toBeVisible()
    await expect(page.getByText('The network is', { exact: false })).toBeVisible()
    await look(page, `before-${name}`)
    await join(page)
    await expect(bar(page).getByRole('button', { name: 'Start video' })).toBeVisible()
    await expect(bar(page).getByRole('button', { name: 'Mute', exact: true })).toBeVisible()
  })
}

for (const viewport of [
  { width: 390, height: 844 },
  { width: 320, height: 640 },
  { width: 1440, height: 900 },
]) {
  test(`a meeting keeps nobody out, ${viewport.width} wide`, async ({ visit, company }) => {
    test.setTimeout(120_000)
    const conv = await company.group('店長週會 Shop managers', 'amy', 'bob')
    const bob = await visit('bob', conv)
    await enter(bob)
    const page = await visit('amy', conv, { viewport, reducedMotion: 'reduce' })
    await expect(page.getByRole('button', { name: 'Join meeting (1)' })).toBeVisible()
    await expect(page.getByRole('article').getByRole('link')).toBeVisible()
    await look(page, 'conversation')
    await page.getByRole('button', { name: /^Join meeting/ }).click()
    await expect(page.getByText('The network is', { exact: false })).toBeVisible()
    await look(page, 'before')
    await join(page)
    await meets(page, 1)
    await look(page, 'inside')
    await page.getByRole('button', { name: /\d ms/ }).click()
    await expect(page.getByRole('dialog', { name: 'Connection' })).toContainText('the network')
    await look(page, 'line')
    await page.keyboard.press('Escape')
    await press(page, 'More')
    await page.getByRole('menuitem', { name: 'Speaker view' }).click()
    await expect(page.locator('.stage-large')).toContainText('Bob')
    await meets(page, 1)
    await look(page, 'speaker')
    await press(page, 'More')
    await page.getByRole('menuitem', { name: 'Grid view' }).click()
    await press(page, 'React')
    await look(page, 'react')
    await press(page, 'React')
    await press(bob, 'Share screen')
    await expect(page.getByRole('figure')).toBeVisible()
    await meets(page, 2)
    await look(page, 'share')
    const isNarrow = viewport.width < 768
    for (const panel of ['People', 'Chat']) {
      if (isNarrow) {
        await press(page, 'More')
        await page.getByRole('menuitem', { name: panel }).click()
      } else {
        await press(page, panel)
      }
      await expect(
        page.getByRole('heading', { name: panel === 'Chat' ? 'Chat' : /people in/ }),
      ).toBeVisible()
      await look(page, panel.toLowerCase())
      await page.getByRole('button', { name: 'Close', exact: true }).click()
    }
  })
}

test('a meeting goes on while the connection to the server is cut', async ({
  visit,
  company,
  wire,
  address,
  faults,
}) => {
  test.setTimeout(120_000)
  faults.allow(/net::ERR_(CONNECTION|SOCKET|EMPTY)_/, /WebSocket connection to .* failed/)
  const conv = await company.group('In a lift', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv, { baseURL: address })
  await enter(bob)
  await meets(bob, 1)
  wire.cut()
  await expect(bob.getByText('You are offline.')).toBeVisible()
  await meets(bob, 1)
  await meets(amy, 1)
  await press(bob, 'Mute')
  wire.mend()
  await expect(tile(amy, 'Bob')).toContainText('Muted')
  await expect(amy.getByText(/Bob Wong has left/)).toHaveCount(0)
  await meets(bob, 1)
})

test('where a browser keeps silent, one tap lets the others be heard', async ({
  visit,
  company,
}) => {
  const conv = await company.group('Hush', 'amy', 'bob')
  const bob = await visit('bob', conv)
  await enter(bob)
  const amy = await visit('amy', conv)
  // As a browser that plays nothing before somebody has touched the page.
  await amy.addInitScript(() => {
    const play = HTMLAudioElement.prototype.play
    HTMLAudioElement.prototype.play = function (this: HTMLAudioElement) {
      const isTouched = document.documentElement.dataset.touched === 'yes'
      return isTouched ? play.call(this) : Promise.reject(new DOMException('', 'NotAllowedError'))
    }
  })
  await amy.reload()
  await enter(amy)
  const tap = amy.getByRole('button', { name: 'Tap to hear' })
  await expect(tap).toBeVisible()
  await amy.evaluate(() => {
    document.documentElement.dataset.touched = 'yes'
  })
  await tap.click()
  await expect(tap).toHaveCount(0)
  await meets(amy, 1)
})

/** From one's camera to the others' screens: half of the pictures, and all but one of twenty. */
const DELAY_MS = { p50: 120, p95: 200 }
/** About seven seconds of two people at 30 pictures a second. */
const PICTURES_MEASURED = 400

test('@figures how old pictures are as others see them, and how soon', async ({
  visit,
  company,
}) => {
  test.setTimeout(180_000)
  const conv = await company.group('By the clock', 'amy', 'bob', 'carol')
  const clocked = async (login: string) => {
    const page = await visit(login, conv)
    await showTime(page)
    await page.reload()
    return page
  }
  const amy = await clocked('amy')
  await enter(amy)
  const bob = await clocked('bob')
  await bob.getByRole('button', { name: /^Join meeting/ }).click()
  await expect(bob.locator('.before-picture video')).toBeVisible()
  await expect(bob.locator('meter')).toBeVisible()
  const face = await nextFace(amy)
  const pressed = Date.now()
  await join(bob)
  const first = (await face.shown()) - pressed
  figure(`joining: the other one sees a face ${first} ms after the button`)
  const carol = await clocked('carol')
  await enter(carol)
  await meets(carol, 2)
  const measured = await delays(carol, PICTURES_MEASURED)
  const [p50, p95] = [percentile(measured, 50), percentile(measured, 95)]
  figure(`camera to screen, 3 people at 640×360: p50 ${p50} ms, p95 ${p95} ms`)
  expect(Math.min(...measured)).toBeGreaterThanOrEqual(0)
  expect(p50).toBeLessThanOrEqual(DELAY_MS.p50)
  expect(p95).toBeLessThanOrEqual(DELAY_MS.p95)
})

declare global {
  interface Window {
    /** What the page captures of the screen. */
    screens?: MediaStreamTrack[]
  }
}
