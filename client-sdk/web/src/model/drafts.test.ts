import { describe, expect, test } from 'vitest'
import { DRAFTS_MAX, Drafts } from './drafts.ts'

/** A storage as a browser's, with so much room. */
function storage(room = Number.POSITIVE_INFINITY): Storage {
  const items = new Map<string, string>()
  const size = () => [...items.values()].reduce((sum, value) => sum + value.length, 0)
  return {
    get length() {
      return items.size
    },
    clear: () => items.clear(),
    key: index => [...items.keys()][index] ?? null,
    getItem: key => items.get(key) ?? null,
    removeItem: key => void items.delete(key),
    setItem: (key, value) => {
      if (size() + value.length > room) throw new Error('QuotaExceededError')
      items.set(key, value)
    },
  }
}

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

  test('that somebody else wrote is none', () => {
    const kept = storage()
    kept.setItem('carillon-draft-amy-c', '{"text":7}')
    kept.setItem('carillon-draft-amy-d', 'half a')
    const drafts = new Drafts(kept, 'amy')
    expect([drafts.get('c').text, drafts.get('d').text]).toEqual(['', ''])
  })
})
