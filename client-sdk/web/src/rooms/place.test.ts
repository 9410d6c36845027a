import { expect, test } from 'vitest'
import { comesBack, type Kept } from './place.ts'

const NOON = Date.parse('2026-11-23T12:00:00Z')
const kept: Kept = { room: 'r-1', place: 'p-1', microphone: true, camera: true, at: NOON }

test('whoever loads the page of a meeting again is back in it', () => {
  expect(comesBack(kept, 'r-1', 'reload', NOON + 3_000)).toBe(true)
})

test('nobody is seen by a window that was opened, restored or copied', () => {
  for (const how of ['navigate', 'back_forward', undefined] as const) {
    expect(comesBack(kept, 'r-1', how, NOON + 3_000)).toBe(false)
  }
})

test('nobody is seen by a page that is loaded again long after, or in another room', () => {
  expect(comesBack(kept, 'r-1', 'reload', NOON + 3_600_000)).toBe(false)
  expect(comesBack(kept, 'r-1', 'reload', NOON - 3_600_000)).toBe(false)
  expect(comesBack(kept, 'r-2', 'reload', NOON + 3_000)).toBe(false)
})
