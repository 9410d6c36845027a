import type { AuditRecordedData } from '@carillon/client'
import { expect, test } from 'vitest'
import { catalogue } from '../../texts/plugin.ts'
import type { Text } from '../texts/language.tsx'
import { sentence } from './sentences.ts'

const AMY = '01J0000000000000000000000A'
const BOB = '01J0000000000000000000000B'
const NOBODY = '0'.repeat(26)

const NAMES: Record<string, string> = { [AMY]: 'Amy', [BOB]: 'Bob', D: 'Deck', C: 'a group' }
const names = {
  person: (user: string) => NAMES[user] ?? '…',
  object: ({ id }: { id: string }) => NAMES[id] ?? '…',
}

/** The English texts, as i18next fills them. */
const texts = catalogue()
const t: Text = (key, values = {}) =>
  (texts.get(key)?.en ?? '').replaceAll(/{{(\w+)}}/g, (_, name) => `${values[name]}`)

const told = (what: Partial<AuditRecordedData>) =>
  sentence(t, { op: '', actor: AMY, object: '', outcome: 'done', times: 1, ...what }, names)

test.each<[Partial<AuditRecordedData>, string]>([
  [{ op: 'session.login', object: 'session:S' }, 'Amy signed in'],
  [{ op: 'org.member.remove', object: `member:${BOB}` }, 'Amy recorded that Bob left'],
  [{ op: 'org.member.update', object: `member:${BOB}` }, 'Amy changed the profile of Bob'],
  [{ op: 'org.member.update', object: `member:${AMY}` }, 'Amy changed their own profile'],
  [{ op: 'org.department.move', object: 'department:D' }, 'Amy moved the department Deck'],
  [{ op: 'conv.member.add', object: 'conv:C' }, 'Amy added people to a group'],
  [{ op: 'room.end', object: 'room:R' }, 'Amy ended a meeting for everybody'],
  [{ op: 'ding.recall', object: 'ding:G' }, 'Amy took a DING back'],
  [{ op: 'ding.policy.update', object: 'policy:P' }, 'Amy changed a DING plan'],
  [
    { op: 'notify.contact.set', object: `member:${BOB}` },
    'Amy changed the phone number or e-mail address of Bob',
  ],
  [{ op: 'org.member.add', object: `member:${BOB}`, actor: NOBODY }, 'The server added Bob'],
])('%j is told as %s', (what, words) => {
  expect(told(what)).toBe(words)
})

test('what this version does not know is told by its own name', () => {
  expect(told({ op: 'door.open', object: 'door:7' })).toBe(
    'Amy did something that this version has no words for: door.open',
  )
})

test('what was refused is not told as if it had been done', () => {
  const refused = { outcome: 'refused' as const }
  expect(told({ ...refused, op: 'org.member.remove' })).toBe(
    'Amy tried what is not allowed (Staff)',
  )
  expect(told({ ...refused, op: 'door.open' })).toBe('Amy tried what is not allowed (door.open)')
  const wrong = { ...refused, actor: NOBODY, object: `member:${BOB}` }
  expect(told({ ...wrong, op: 'session.login' })).toBe('Somebody could not sign in as Bob')
  expect(told({ ...wrong, op: 'bot.create', object: '' })).toBe(
    'Somebody who is not signed in tried what is not allowed (Robots)',
  )
  expect(told({ ...refused, actor: NOBODY, op: 'session.login', object: 'others' })).toBe(
    'Many people or devices tried what is not allowed (Signing in and devices)',
  )
})
