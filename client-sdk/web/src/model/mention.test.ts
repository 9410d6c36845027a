import { describe, expect, test } from 'vitest'
import { askingAt, completed, meansEverybody, mentionsIn, offered } from './mention.ts'

const AMY = { user: 'amy', name: '陳美怡 Amy Chan', login: 'amy' }
const BOB = { user: 'bob', name: '黃志明 Bob Wong', login: 'wong.b' }
const CAROL = { user: 'carol', name: '李嘉欣 Carol Lee', login: 'carol' }
const PEOPLE = [AMY, BOB, CAROL]

describe('writing an @', () => {
  test.each([
    ['@', '', 0],
    ['hi @b', 'b', 3],
    ['收到@陳', '陳', 2],
    ['（@Amy C', 'Amy C', 1],
    ['one\n@', '', 4],
  ])('asks for somebody in "%s"', (text, query, at) => {
    expect(askingAt(text, text.length)).toEqual({ at, query })
  })

  test.each(['', 'me@shop', 'a.@b', 'hi @ b', '@bob  and', '@bob\nnext', `@${'x'.repeat(60)}`])(
    'asks for nobody in "%s"',
    text => {
      expect(askingAt(text, text.length)).toBeUndefined()
    },
  )

  test('looks where the cursor stands', () => {
    expect(askingAt('@amy hello', 3)).toEqual({ at: 0, query: 'am' })
  })
})

describe('who is offered', () => {
  test.each([
    ['陳', ['amy']],
    ['wong', ['bob']],
    ['CAR', ['carol']],
    ['amy chan', ['amy']],
    ['美怡', ['amy']],
    ['xyz', []],
  ])('for %s', (query, users) => {
    expect(offered(PEOPLE, query).map(({ user }) => user)).toEqual(users)
  })

  test('is everybody before a letter is written, and not more than can be looked over', () => {
    expect(offered(PEOPLE, '')).toHaveLength(3)
    const many = Array.from({ length: 500 }, (_, number) => ({ ...AMY, user: `${number}` }))
    expect(offered(many, 'amy')).toHaveLength(8)
  })
})

describe('everybody', () => {
  test.each([
    ['所有人', ''],
    ['所有人', '所'],
    ['所有人', 'all'],
    ['所有人', 'Every'],
    ['Everyone', 'every'],
  ])('is meant where the app says "%s" and somebody writes "@%s"', (word, query) => {
    expect(meansEverybody(word, query)).toBe(true)
  })

  test('is not meant by a name', () => {
    expect(meansEverybody('所有人', 'amy')).toBe(false)
  })
})

describe('a mention', () => {
  test('takes the place of what was written, with a space after it', () => {
    expect(completed('hi @b you', { at: 3, query: 'b' }, 5, 'Bob')).toEqual({
      text: 'hi @Bob you',
      cursor: 8,
    })
  })

  test('counts once, and only while it stands in the text', () => {
    const picks = [AMY, AMY, BOB]
    expect(mentionsIn(`@${AMY.name} @${AMY.name}`, picks)).toEqual(['amy'])
    expect(mentionsIn('nobody', picks)).toEqual([])
  })
})
