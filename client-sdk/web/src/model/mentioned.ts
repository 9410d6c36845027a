/** Which unread messages mention the person, when the app starts. */

import { CarillonError, type ConvId, LIMITS, type UserId } from '@carillon/client'
import { type Conversation, unread } from './conversation.ts'
import type { Door } from './door.ts'
import { convOf, is, isMentioned } from './event.ts'

/** So many mentions are looked at, and so many conversations: older ones are found by reading. */
const MENTIONS_LOOKED_AT = 100
const CONVERSATIONS_LOOKED_AT = 20

/**
 * The person's own log says where there was a mention, but not whether it has been read: that the
 * unread messages themselves say.
 */
export async function findMentions(
  door: Door,
  me: UserId,
  convs: readonly Conversation[],
  found: (conv: ConvId, seq: number) => void,
): Promise<void> {
  const doubtful = convs.filter(conv => unread(conv) > 0 && conv.mention <= conv.readSeq)
  if (doubtful.length === 0) return
  try {
    const there = await mentionedIn(door, me)
    const looked = doubtful.filter(conv => there.has(conv.id)).slice(0, CONVERSATIONS_LOOKED_AT)
    await Promise.all(looked.map(conv => look(door, me, conv, found)))
  } catch (error) {
    // A mark that is missing is no reason to disturb anybody: the message is unread all the same.
    if (!(error instanceof CarillonError)) throw error
  }
}

async function mentionedIn(door: Door, me: UserId): Promise<Set<ConvId>> {
  const newest = { before: LIMITS.INT_MAX, limit: MENTIONS_LOOKED_AT }
  const { events } = await door.call('log.read', { topic: `u:${me}`, ...newest })
  const mentions = events.filter(event => is(event, 'msg.mentioned'))
  return new Set(mentions.map(({ data }) => convOf(data.topic) ?? ''))
}

async function look(
  door: Door,
  me: UserId,
  conv: Conversation,
  found: (conv: ConvId, seq: number) => void,
): Promise<void> {
  const limit = Math.min(unread(conv), LIMITS.EVENTS_PER_PAGE_MAX)
  const { events } = await door.call('msg.list', { conv: conv.id, after: conv.readSeq, limit })
  const mention = events.findLast(
    event => is(event, 'msg.sent') && event.by !== me && isMentioned(event.data, me),
  )
  if (mention) found(conv.id, mention.seq)
}
