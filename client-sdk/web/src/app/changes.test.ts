import type { Event, Update } from '@carillon/client'
import { expect, test } from 'vitest'
import { concerns } from './changes.ts'

const KINDS = ['org.member_updated', 'org.imported']

const heard = (k: string, data: unknown): Update => {
  const event = { topic: 'o:org', seq: 1, n: 0, k, id: 'id', by: 'frank', at: 0, data } as Event
  return { kind: 'event', event }
}

test('a change of a colleague is none of one’s own', () => {
  const updated = (user: string) => heard('org.member_updated', { user, name: 'Amy' })
  expect(concerns(updated('amy'), KINDS, 'amy')).toBe(true)
  expect(concerns(updated('bob'), KINDS, 'amy')).toBe(false)
  expect(concerns(updated('bob'), KINDS)).toBe(true)
})

test('a change that is nobody’s in particular may be anybody’s', () => {
  expect(concerns(heard('org.imported', {}), KINDS, 'amy')).toBe(true)
  expect(concerns(heard('org.updated', {}), KINDS, 'amy')).toBe(false)
  expect(concerns({ kind: 'synced' }, KINDS, 'amy')).toBe(false)
})
