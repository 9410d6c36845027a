import { describe, expect, test } from 'vitest'
import { DRAFT_LEN_MAX, DRAFTS_MAX, Drafts } from './drafts.ts'
import { storage } from './storage.test.kit.ts'

const draft = (text: string) => ({ text, picks: [{ user: 'bob', name: 'Bob' }] })
/** With what is kept beside it, three of it fit into 400. */
const LINE = 'x'.repeat(60)

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

  test('takes the room of the oldest where the storage is full, and of no more than it needs', () => {
    const drafts = new Drafts(storage(400), 'amy')
    const written = ['b', 'a', 'c', 'd'].map((conv, at) => drafts.set(conv, draft(LINE), at + 1))
    expect(written).toEqual([true, true, true, true])
    expect(['a', 'b', 'c', 'd'].map(conv => drafts.get(conv).text)).toEqual([LINE, '', LINE, LINE])
  })

  test('that cannot fit leaves all others where they are, and what was kept before', () => {
    const drafts = new Drafts(storage(400), 'amy')
    for (const conv of ['a', 'b', 'c']) drafts.set(conv, draft(LINE), 1)
    expect(drafts.set('c', draft('z'.repeat(400)), 2)).toBe(false)
    expect(drafts.set('d', draft('z'.repeat(400)), 3)).toBe(false)
    expect(['a', 'b', 'c', 'd'].map(conv => drafts.get(conv).text)).toEqual([LINE, LINE, LINE, ''])
  })

  test('does not cost more than its own room where the storage is closed', () => {
    const kept = storage()
    const drafts = new Drafts(kept, 'amy')
    for (const [at, conv] of ['a', 'b', 'c'].entries()) drafts.set(conv, draft(LINE), at)
    kept.setItem = () => {
      throw new Error('SecurityError')
    }
    expect(drafts.set('d', draft(LINE), 4)).toBe(false)
    expect(['b', 'c'].map(conv => drafts.get(conv).text)).toEqual([LINE, LINE])
  })

  test('that is far longer than what can be sent is not kept', () => {
    const drafts = new Drafts(storage(), 'amy')
    expect(drafts.set('c', draft('x'.repeat(DRAFT_LEN_MAX)), 1)).toBe(true)
    expect(drafts.set('d', draft('x'.repeat(DRAFT_LEN_MAX + 1)), 2)).toBe(false)
    expect([drafts.get('c').text.length, drafts.get('d').text]).toEqual([DRAFT_LEN_MAX, ''])
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
