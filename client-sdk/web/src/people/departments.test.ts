import type { Department, OrgMember } from '@carillon/client'
import { expect, test } from 'vitest'
import { Departments } from './departments.ts'

const at = (department: string, parent?: string, head?: string): Department => ({
  department,
  name: department.toUpperCase(),
  members: 0,
  ...(parent === undefined ? {} : { parent }),
  ...(head === undefined ? {} : { head }),
})

// shops (dan) ─ central (amy), kok; office (mandy) ─ it
const tree = new Departments([
  at('shops', undefined, 'dan'),
  at('central', 'shops', 'amy'),
  at('kok', 'shops'),
  at('office', undefined, 'mandy'),
  at('it', 'office'),
])

function member(user: string, departments: string[], manager?: string): OrgMember {
  return {
    user,
    login: user,
    name: user,
    app: false,
    admin: false,
    active: true,
    departments,
    roles: [],
    locale: 'en',
    tz: 'UTC',
    password: true,
    ...(manager === undefined ? {} : { manager }),
  }
}

test('siblings keep the order in which the server has them', () => {
  expect(tree.below().map(({ department }) => department)).toEqual(['shops', 'office'])
  expect(tree.below('shops').map(({ department }) => department)).toEqual(['central', 'kok'])
  expect(tree.below('it')).toEqual([])
})

test('the flat tree has each department before those below it, with its level', () => {
  const flat = tree.flat().map(({ department, level }) => `${level} ${department.department}`)
  expect(flat).toEqual(['1 shops', '2 central', '2 kok', '1 office', '2 it'])
})

test('a path leads from the top, and an unknown department has none', () => {
  expect(tree.pathName('central')).toBe('SHOPS › CENTRAL')
  expect(tree.path('gone')).toEqual([])
  expect(tree.path(undefined)).toEqual([])
})

test('a department lies within itself and what is above it', () => {
  expect(tree.isWithin('central', 'central')).toBe(true)
  expect(tree.isWithin('central', 'shops')).toBe(true)
  expect(tree.isWithin('shops', 'central')).toBe(false)
})

test.each([
  ['who was named', member('bob', ['central'], 'erin'), 'erin'],
  ['the head of the main department', member('bob', ['central', 'office']), 'amy'],
  ['the head above for the head', member('amy', ['central']), 'dan'],
  ['the head above where there is none', member('ivy', ['kok']), 'dan'],
  ['nobody at the top', member('dan', ['shops']), undefined],
  ['nobody without a department', member('nelson', []), undefined],
])('a person reports to %s', (_, person, manager) => {
  expect(tree.managerOf(person)).toBe(manager)
})
