import { box, open as enter } from './chatting.ts'
import { expect, figure, type Page, test } from './kit.ts'

const MESSAGES = 60
/** From the key to the other person's screen, for 95 of 100 messages. */
const BAR_MS = 100

// A recording of the pages would be measured too.
test.use({ trace: 'off' })

declare global {
  interface Window {
    /** When each message was sent or painted, by its text. */
    moments: Record<string, number>
  }
}

test('a message is on the other screen within a blink', { tag: '@figures' }, async ({
  open,
  company,
}) => {
  const title = 'Quick'
  await company.group(title, 'amy', 'bob')
  const [amy, bob] = [await open('amy'), await open('bob')]
  for (const page of [amy, bob]) await enter(page, title)
  await amy.evaluate(noteEnter)
  await bob.evaluate(notePaint)
  const times: number[] = []
  for (let number = 1; number <= MESSAGES; number += 1) {
    const text = `message number ${number}.`
    await box(amy).fill(text)
    await box(amy).press('Enter')
    await bob.waitForFunction(text => window.moments[text] !== undefined, text)
    times.push((await moment(bob, text)) - (await moment(amy, text)))
  }
  times.sort((a, b) => a - b)
  const part = (share: number) => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
  figure(`sent to painted: p50 ${part(0.5)} ms, p95 ${part(0.95)} ms, most ${part(1)} ms`)
  expect(part(0.95)).toBeLessThanOrEqual(BAR_MS)
})

function moment(page: Page, text: string): Promise<number> {
  return page.evaluate(text => window.moments[text] ?? Number.NaN, text)
}

/** In the sender's page: when Enter was pressed. The pages have one clock, that of the machine. */
function noteEnter(): void {
  window.moments = {}
  const note = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.target instanceof HTMLTextAreaElement)) return
    window.moments[event.target.value] = performance.timeOrigin + event.timeStamp
  }
  addEventListener('keydown', note, { capture: true })
}

/** In the reader's page: when a message was painted, which is after the frame that it came in. */
function notePaint(): void {
  window.moments = {}
  const look = () => {
    for (const words of document.querySelectorAll('article [dir=auto]')) {
      const text = words.textContent ?? ''
      window.moments[text] ??= performance.timeOrigin + performance.now()
    }
  }
  const afterFrame = () =>
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = look
      port2.postMessage(undefined)
    })
  new MutationObserver(afterFrame).observe(document.body, { subtree: true, childList: true })
}
