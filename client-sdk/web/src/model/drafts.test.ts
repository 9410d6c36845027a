import { describe, expect, test } from 'vitest'
import { DRAFTS_MAX, Drafts } from './drafts.ts'
import { storage } from './storage.test.kit.ts'

const draft = (text: string) => ({ text, picks: [{ user: 'bob', name: 'Bob' }] })

describe('a draft', () => {
  test('is there again after a reload, for the same person only', () => {
    const kept = storage()
    new Drafts(kept, 'amy').set('c', draft('half a'), 1)
    expect(new Drafts(kept, 'amy').get('c')).toMatchObject(draft('half a'))
    expect(new Drafts(kept, 'bob').get('c').text).toBe('')
  })

  test('is forgotten when it is sent', () => {
    const kept = storage()
    const drafts = new Drafts(kept, 'amy')
    drafts.set('c', draft('x'), 1)
    drafts.set('c', draft(''), 2)
    expect([drafts.get('c').text, kept.length]).toEqual(['', 0])
  })

  test('makes room for newer ones, and leaves what is not a draft', () => {
    const kept = storage()
    kept.setItem('carillon-appearance', '{}')
    const drafts = new Drafts(kept, 'amy')
    for (let number = 0; number < DRAFTS_MAX + 5; number++)
      drafts.set(`${number}`, draft('x'), number)
    expect(kept.length).toBe(DRAFTS_MAX + 1)
    expect(drafts.get('4').text).toBe('')
    expect(drafts.get('5').text).toBe('x')
  })

  test('takes the room of the others where the storage is full, and says if there is none', () => {
    const drafts = new Drafts(storage(150), 'amy')
    expect(drafts.set('a', draft('x'.repeat(60)), 1)).toBe(true)
    expect(drafts.set('b', draft('y'.repeat(60)), 2)).toBe(true)
    expect(drafts.get('a').text).toBe('')
    expect(drafts.set('c', draft('z'.repeat(200)), 3)).toBe(false)
  })

  test('is forgotten with all others of the person, and with none of anybody else', () => {
    const kept = storage()
    const [amy, bob] = [new Drafts(kept, 'amy'), new Drafts(kept, 'bob')]
    for (const conv of ['c', 'd']) amy.set(conv, draft('x'), 1)
    bob.set('c', draft('y'), 1)
    amy.clear()
    expect([amy.get('c').text, amy.get('d').text, bob.get('c').text]).toEqual(['', '', 'y'])
  })

  test('that somebody else wrote is none', () => {
    const kept = storage()
    kept.setItem('carillon-draft-amy-c', '{"text":7}')
    kept.setItem('carillon-draft-amy-d', 'half a')
    const drafts = new Drafts(kept, 'amy')
    expect([drafts.get('c').text, drafts.get('d').text]).toEqual(['', ''])
  })
})
