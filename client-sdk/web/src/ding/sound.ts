/** What makes somebody look up: a sound without a file, and the vibration of a phone. */

import { RINGS_MS } from './alerts.ts'
import { bellUntil } from './bell.ts'

/** One call of the bell, and the pause after it. */
const CALL_MS = 2_400
/** Three rising notes, twice: heard through the noise of a shop, and like no other sound of the app. */
const NOTES = [784, 988, 1_175, 784, 988, 1_175] as const
const NOTE_S = 0.16
/** On, off, on: as the bell. */
const VIBRATION = [400, 200, 400]
/** Several windows of a browser ring as one. */
const LOCK = 'carillon-ding-sound'

let last = Promise.resolve()

/** What came of it: `blocked` where the browser plays nothing before the page was touched. */
export type Rung = 'rings' | 'blocked' | 'elsewhere'

/**
 * Rings and vibrates until it is stopped, a minute at most; the next try rings again.
 *
 * @param tell hears whether it is to be heard
 * @returns how to stop
 */
export function ring(tell: (rung: Rung) => void): () => void {
  const over = new AbortController()
  const end = setTimeout(() => over.abort(), RINGS_MS)
  const rings = async () => {
    // What rang in this window until now gives way first.
    await last
    if (over.signal.aborted) return
    const ended = new Promise<void>(done => over.signal.addEventListener('abort', () => done()))
    const here = async () => {
      await play(over.signal, tell)
      await ended
    }
    if (!('locks' in navigator)) return here()
    await navigator.locks.request(LOCK, { ifAvailable: true }, lock => {
      if (lock) return here()
      tell('elsewhere')
      return undefined
    })
  }
  // Where nothing can be played the words stand on the screen.
  last = rings().catch(() => tell('blocked'))
  return () => {
    clearTimeout(end)
    over.abort()
  }
}

/** By then a tap is over. */
const TAP_MS = 350
/** What makes a browser let a page be heard. */
const TOUCHES = ['pointerup', 'keydown', 'click'] as const

async function play(over: AbortSignal, tell: (rung: Rung) => void): Promise<void> {
  const context = bellUntil(over)
  const call = () => {
    vibrate()
    if (context.state !== 'running') return
    for (const [turn, note] of NOTES.entries()) sound(context, note, turn)
  }
  const resume = () => context.resume().catch(() => {})
  // It resolves once the page was touched, which may be never.
  const running = resume()
  const timer = setInterval(call, CALL_MS)
  over.addEventListener('abort', () => {
    clearInterval(timer)
    if (hasTouched()) navigator.vibrate?.(0)
  })
  const soon = new Promise(done => setTimeout(done, CALL_MS / 8))
  await Promise.race([running, soon])
  if (over.aborted) return
  const look = () => tell(context.state === 'running' ? 'rings' : 'blocked')
  call()
  look()
  const changed = () => {
    call()
    // The tap that turned it on must not fall on what takes the place of the words.
    setTimeout(() => over.aborted || look(), TAP_MS)
  }
  context.addEventListener('statechange', changed, { signal: over })
  // Some browsers want to be asked again once they may.
  for (const touch of TOUCHES) {
    const again = () => context.state !== 'running' && void resume()
    document.addEventListener(touch, again, { capture: true, signal: over })
  }
}

function sound(context: AudioContext, frequency: number, turn: number): void {
  const from = context.currentTime + turn * NOTE_S + (turn >= NOTES.length / 2 ? NOTE_S : 0)
  const tone = new OscillatorNode(context, { frequency, type: 'triangle' })
  const gain = new GainNode(context, { gain: 0 })
  gain.gain.setValueAtTime(0, from)
  gain.gain.linearRampToValueAtTime(0.5, from + 0.02)
  gain.gain.exponentialRampToValueAtTime(0.001, from + NOTE_S * 2)
  tone.connect(gain).connect(context.destination)
  tone.start(from)
  tone.stop(from + NOTE_S * 2)
}

/** Browsers complain where a page vibrates that nobody has touched. */
function vibrate(): void {
  if (hasTouched()) navigator.vibrate?.(VIBRATION)
}

function hasTouched(): boolean {
  return navigator.userActivation?.hasBeenActive ?? true
}
