import { expect, test } from 'vitest'
import { type Able, type PushState, pushStateOf } from './state.ts'

const CHROME = 'Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36'
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1'
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15'
const fresh: Able = {
  supported: true,
  installed: false,
  agent: CHROME,
  touches: 5,
  permission: 'default',
  subscribed: false,
}

test.each<[string, Partial<Able>, PushState]>([
  ['a browser that was never asked', {}, 'off'],
  ['one that was allowed and has subscribed', { permission: 'granted', subscribed: true }, 'on'],
  ['one that was allowed and has not', { permission: 'granted' }, 'off'],
  [
    'one whose person took the permission back',
    { permission: 'denied', subscribed: true },
    'blocked',
  ],
  ['an app whose person did so', { permission: 'denied', installed: true }, 'blockedApp'],
  ['an iPad’s browser', { supported: false, agent: MAC }, 'install'],
  ['a Mac’s browser', { supported: false, agent: MAC, touches: 0 }, 'unsupported'],
  ['one without push', { supported: false }, 'unsupported'],
  ['an iPhone’s browser', { supported: false, agent: IPHONE }, 'install'],
  [
    'an old iPhone’s home screen',
    { supported: false, agent: IPHONE, installed: true },
    'unsupported',
  ],
  ['an iPhone’s home screen', { agent: IPHONE, installed: true }, 'off'],
])('%s', (_, able, state) => {
  expect(pushStateOf({ ...fresh, ...able })).toBe(state)
})
