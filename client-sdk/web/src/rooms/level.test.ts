import { expect, test } from 'vitest'
import { levelOf } from './level.ts'

const wave = (height: number) => new Float32Array(64).fill(height)

test('a meter goes from silence to as loud as can be', () => {
  expect(levelOf(wave(0))).toBe(0)
  expect(levelOf(wave(0.0001))).toBe(0)
  expect(levelOf(wave(0.1))).toBeCloseTo(2 / 3, 2)
  expect(levelOf(wave(1))).toBe(1)
})
