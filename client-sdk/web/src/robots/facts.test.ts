import { expect, test } from 'vitest'
import { partOf, placeOf, showsOf } from './facts.ts'

test('a part begins as its fact can be shown', () => {
  expect(partOf('chat.waiting').show).toBe('list')
  expect(partOf('chat.messages', 'month')).toEqual({
    fact: 'chat.messages',
    period: 'month',
    show: 'number',
  })
  expect(showsOf('some.plugins_own')).toContain('list')
})

test('a part is found by what the server says is wrong', () => {
  expect(placeOf('says.template.sections[3].fact')).toBe(3)
  expect(placeOf('says.template.sections')).toBeUndefined()
  expect(placeOf(undefined)).toBeUndefined()
})
