import type { AuditRecordedData, UserId } from '@carillon/client'
import type { Key, Text } from '../texts/language.tsx'
import type { Names } from './names.ts'

/** Nobody who is signed in: the server itself, its command line, and strangers. */
const NOBODY: UserId = '0'.repeat(26)
/** The object of refusals that the server counts together, because there were too many. */
const OTHERS = 'others'

/** What each operation did, in words. One that is not here is told by its own name. */
const DONE: Readonly<Record<string, Key>> = {
  'session.setup': 'audit.setup',
  'session.login': 'audit.login',
  'session.logout': 'audit.logout',
  'session.issue': 'audit.issue',
  'session.revoke': 'audit.revoke',
  'session.password': 'audit.password',
  'org.create': 'audit.org.create',
  'org.update': 'audit.org.update',
  'org.member.add': 'audit.member.add',
  'org.member.update': 'audit.member.update',
  'org.member.remove': 'audit.member.remove',
  'org.member.restore': 'audit.member.restore',
  'org.department.create': 'audit.department.create',
  'org.department.update': 'audit.department.update',
  'org.department.move': 'audit.department.move',
  'org.department.remove': 'audit.department.remove',
  'org.role.create': 'audit.role.create',
  'org.role.update': 'audit.role.update',
  'org.role.remove': 'audit.role.remove',
  'org.invite.create': 'audit.invite.create',
  'org.invite.accept': 'audit.invite.accept',
  'org.invite.revoke': 'audit.invite.revoke',
  'org.import.apply': 'audit.import',
  'org.program.add': 'audit.program',
  'bot.create': 'audit.robot.create',
  'bot.update': 'audit.robot.update',
  'bot.rotate': 'audit.robot.rotate',
  'bot.remove': 'audit.robot.remove',
  'bot.schedule.put': 'audit.schedule.put',
  'bot.schedule.pause': 'audit.schedule.pause',
  'bot.schedule.remove': 'audit.schedule.remove',
  'conv.update': 'audit.conv.update',
  'conv.rules.set': 'audit.conv.rules',
  'conv.limits.set': 'audit.conv.limits',
  'conv.member.add': 'audit.conv.add',
  'conv.member.remove': 'audit.conv.remove',
  'room.admit': 'audit.room.admit',
  'room.kick': 'audit.room.kick',
  'room.role': 'audit.room.role',
  'room.update': 'audit.room.update',
  'room.end': 'audit.room.end',
  'ding.send': 'audit.ding.send',
  'ding.remind': 'audit.ding.remind',
  'ding.recall': 'audit.ding.recall',
  'ding.series.end': 'audit.ding.series',
  'ding.policy.create': 'audit.ding.policy.create',
  'ding.policy.update': 'audit.ding.policy.update',
  'ding.policy.remove': 'audit.ding.policy.remove',
  'ding.settings.set': 'audit.ding.settings',
  'ding.duty.create': 'audit.ding.duty.create',
  'ding.duty.update': 'audit.ding.duty.update',
  'ding.duty.remove': 'audit.ding.duty.remove',
  'ding.deputy.set': 'audit.ding.deputy',
  'ding.refused': 'audit.ding.refused',
  'notify.settings.set': 'audit.notify.settings',
  'notify.contact.set': 'audit.notify.contact',
}

/** What a refusal says where that is more than that something is not allowed. */
const REFUSED: Readonly<Record<string, Key>> = {
  'session.login': 'audit.refused.login',
  'session.password': 'audit.refused.password',
}

/** The kinds of operations, each with how their names begin. */
export const KINDS: Readonly<Record<string, Key>> = {
  'session.': 'audit.kind.signin',
  'org.member.': 'audit.kind.people',
  'org.department.': 'audit.kind.departments',
  'org.role.': 'audit.kind.roles',
  'org.invite.': 'audit.kind.invitations',
  'org.import.': 'audit.kind.import',
  'org.program.': 'audit.kind.programs',
  'org.update': 'audit.kind.organisation',
  'bot.': 'audit.kind.robots',
  'conv.': 'audit.kind.groups',
  'room.': 'audit.kind.rooms',
  'ding.': 'audit.kind.dings',
  'notify.': 'audit.kind.notify',
  'audit.': 'audit.kind.audit',
}

/** Who and what, as far as the row names somebody. */
export function whoIn({ actor }: AuditRecordedData): UserId | undefined {
  return actor === NOBODY ? undefined : actor
}

/** The kind of thing that it was done to, and its id. */
export function objectIn({ object }: AuditRecordedData): { kind: string; id: string } {
  const [kind = '', id = ''] = object.split(':')
  return { kind, id }
}

/** What happened, in a sentence. */
export function sentence(t: Text, what: AuditRecordedData, names: Names): string {
  const values = { who: whoWords(t, what, names), what: names.object(objectIn(what)) }
  const { op, outcome } = what
  if (outcome === 'refused') {
    const kind = Object.keys(KINDS).find(begin => op.startsWith(begin))
    const words = kind === undefined ? op : t(KINDS[kind] ?? 'audit.kind')
    const key = what.object === OTHERS ? undefined : REFUSED[op]
    return t(key ?? 'audit.refused', { ...values, kind: words })
  }
  const isOneself = op === 'org.member.update' && objectIn(what).id === what.actor
  const key = isOneself ? 'audit.member.self' : DONE[op]
  return key ? t(key, values) : t('audit.other', { ...values, op })
}

/** Who did it, in words. */
export function whoWords(t: Text, what: AuditRecordedData, names: Names): string {
  const who = whoIn(what)
  if (who !== undefined) return names.person(who)
  if (what.object === OTHERS) return t('audit.several')
  return t(what.outcome === 'refused' ? 'audit.somebody' : 'audit.server')
}
