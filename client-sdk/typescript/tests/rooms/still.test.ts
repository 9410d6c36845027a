/** Whose pictures stand still. */

import { expect, it } from 'vitest'
import { STILL_LOOKS, Still } from '../../src/room/still.ts'
import { id } from '../kit.ts'

const [BOB, CAROL] = [id(1), id(2)]

const camera = (participant: string, frames: number) =>
  ({ participant, source: 'camera', kbps: 30, frames, freezeCount: 0 }) as const

const all = () => true

function looks(still: Still, ...each: Parameters<Still['look']>): boolean[] {
  return Array.from({ length: STILL_LOOKS }, () => still.look(...each))
}

it('is told once nothing came for several looks, and taken back with the first frame', () => {
  const still = new Still()
  expect(looks(still, [camera(BOB, 0), camera(CAROL, 30)], all)).toEqual([false, false, true])
  expect(still.people).toEqual([BOB])
  expect(still.look([camera(BOB, 0), camera(CAROL, 30)], all)).toBe(false)
  expect(still.look([camera(BOB, 1), camera(CAROL, 30)], all)).toBe(true)
  expect(still.people).toEqual([])
})

it('is nobody whose picture paused for less', () => {
  const still = new Still()
  looks(still, [camera(BOB, 0)], all).pop()
  still.look([camera(BOB, 1)], all)
  for (let look = 1; look < STILL_LOOKS; look += 1) {
    expect(still.look([camera(BOB, 0)], all)).toBe(false)
  }
})

it('is nobody who has switched the camera off, or is not looked at', () => {
  const still = new Still()
  looks(still, [camera(BOB, 0), camera(CAROL, 0)], all)
  expect(still.people).toEqual([BOB, CAROL])
  expect(still.look([camera(BOB, 0), camera(CAROL, 0)], who => who === BOB)).toBe(true)
  expect(still.people).toEqual([BOB])
  expect(still.look([], all)).toBe(true)
  expect(still.people).toEqual([])
})

it('is no screen, on which nobody may move anything', () => {
  const still = new Still()
  looks(still, [{ ...camera(BOB, 0), source: 'screen' }], all)
  expect(still.people).toEqual([])
})
