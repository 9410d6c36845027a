/** What kinds of events there are in a conversation's log. */

import type {
  ConvId,
  Event,
  EventData,
  EventOf,
  MsgBody,
  Topic,
  Update,
  UserId,
} from '@carillon/client'

/** Whether an event is of this kind. */
export function is<K extends keyof EventData>(event: Event, kind: K): event is EventOf<K> {
  return event.k === kind
}

/** Who is mentioned in a message. */
export function mentionsOf(body: MsgBody): readonly UserId[] {
  return body.kind === 'card' ? [] : (body.mentions ?? [])
}

/** Whether a message mentions somebody who is there, by name or with everybody. */
export function isMentioned(body: MsgBody & { everybody?: boolean }, user: UserId): boolean {
  return body.everybody === true || mentionsOf(body).includes(user)
}

/** The conversation that a topic is of. */
export function convOf(topic: Topic): ConvId | undefined {
  return topic.startsWith('c:') ? topic.slice(2) : undefined
}

/** The conversation that an update says something of. */
export function subjectOf(update: Update): ConvId | undefined {
  if (update.kind === 'event') return convOf(update.event.topic)
  if (update.kind === 'topic') return convOf(update.page.topic)
  if (update.kind === 'ephemeral') return update.ephemeral.topic && convOf(update.ephemeral.topic)
  return undefined
}

/** Whether people see something of it in the conversation; the rest is for programs. */
export function isShown(event: Event): boolean {
  return (
    is(event, 'msg.sent') ||
    is(event, 'conv.created') ||
    is(event, 'conv.members_changed') ||
    is(event, 'conv.updated') ||
    is(event, 'conv.rules_changed')
  )
}
