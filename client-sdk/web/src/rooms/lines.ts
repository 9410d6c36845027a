/** What is said of what has just happened. Pure: a hundred people clap in one line. */

import type { RoomParticipantId, RoomSource } from '@carillon/client'
import type { Happening } from './happenings.ts'

/** A person by what names are made of. */
interface Who {
  readonly user: string
  readonly name?: string
}

export type Line =
  | { readonly kind: 'muted'; readonly source: RoomSource }
  /** `who` if it is one only. */
  | { readonly kind: 'came' | 'went'; readonly count: number; readonly who: Who | undefined }
  | {
      readonly kind: 'reacted'
      readonly emoji: string
      readonly people: readonly RoomParticipantId[]
    }

/** What happened within a moment, as few lines, as `me` is told of it. */
export function linesOf(happened: readonly Happening[], me: RoomParticipantId): Line[] {
  const muted = happened.filter(one => one.kind === 'muted')
  const came = happened.filter(one => one.kind === 'joined').map(one => one.participant)
  const left = happened.filter(one => one.kind === 'left')
  const went = left.filter(one => one.stillThere !== true).map(one => one.participant)
  const reactions = new Map<string, Set<RoomParticipantId>>()
  for (const one of happened) {
    if (one.kind !== 'reaction') continue
    reactions.set(one.emoji, (reactions.get(one.emoji) ?? new Set()).add(one.participant))
  }
  return [
    ...muted.map(({ source }) => ({ kind: 'muted', source }) as const),
    ...people('came', came, me),
    ...people('went', went, me),
    ...[...reactions].map(
      ([emoji, people]) => ({ kind: 'reacted', emoji, people: [...people] }) as const,
    ),
  ]
}

function people(
  kind: 'came' | 'went',
  all: readonly (Who & { participant: RoomParticipantId; waiting?: boolean })[],
  me: RoomParticipantId,
): Line[] {
  // Who only waits has not come yet: those who may let them in see it.
  const others = all.filter(one => one.participant !== me && one.waiting !== true)
  const [first] = others
  if (!first) return []
  return [{ kind, count: others.length, who: others.length === 1 ? first : undefined }]
}
