import { expect, test } from 'vitest'
import { capacity, columnsFor, pageOf, widthFor } from './layout.ts'

const DESKTOP = { width: 1280, height: 720 }
const PHONE = { width: 390, height: 600 }

test('a few tiles are as large as the stage lets them be', () => {
  expect([1, 2, 3, 4, 5, 9, 10, 49].map(tiles => columnsFor(tiles, DESKTOP))).toEqual([
    1, 2, 2, 2, 3, 3, 4, 7,
  ])
})

test('a phone held upright shows one or two columns', () => {
  expect([1, 2, 3, 8, 30].map(tiles => columnsFor(tiles, PHONE))).toEqual([1, 1, 1, 2, 2])
  expect(capacity(PHONE)).toBe(10)
})

test('a stage has room for what can be recognised, and for 49 at most', () => {
  expect(capacity({ width: 100, height: 60 })).toBe(1)
  expect(capacity(DESKTOP)).toBe(49)
  expect(capacity({ width: 2560, height: 1440 })).toBe(49)
})

test('no tile is so wide that a face is cut off', () => {
  expect(widthFor(2, 1, { width: 1000, height: 700 })).toBe(700)
  expect(widthFor(4, 2, DESKTOP)).toBe(1280)
  expect(widthFor(2, 1, PHONE)).toBe(390)
})

test('who is one too many stands on the next page, and a page that is gone is not shown', () => {
  const people = ['amy', 'bob', 'carol']
  expect(pageOf(people, 1, 2)).toEqual({ shown: ['carol'], page: 1, pages: 2 })
  expect(pageOf(people, 5, 2).page).toBe(1)
  expect(pageOf(['amy'], 1, 2)).toEqual({ shown: ['amy'], page: 0, pages: 1 })
  expect(pageOf([], 0, 2)).toEqual({ shown: [], page: 0, pages: 1 })
})
