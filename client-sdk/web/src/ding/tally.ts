/** How an alert stands with all its recipients, in the few words that its sender needs. */

import type { DingState, DingTally } from '@carillon/client'
import type { Key } from '../texts/language.tsx'

/** Those who are shown together on a board, the most urgent first. */
export const GROUPS = [
  'waiting',
  'declined',
  'expired',
  'confirmed',
  'recalled',
  'withdrawn',
] as const
export type Group = (typeof GROUPS)[number]

/** The states of each. */
export const STATES: Record<Group, DingState[]> = {
  waiting: ['queued', 'delivered', 'seen'],
  declined: ['declined'],
  expired: ['expired'],
  confirmed: ['confirmed'],
  recalled: ['recalled'],
  withdrawn: ['withdrawn'],
}

/** What they are called. */
export const WORDS: Record<Group, Key> = {
  waiting: 'ding.group.waiting',
  declined: 'ding.group.declined',
  expired: 'ding.group.expired',
  confirmed: 'ding.group.confirmed',
  recalled: 'ding.group.recalled',
  withdrawn: 'ding.group.withdrawn',
}

export function groupOf(state: DingState): Group {
  return GROUPS.find(group => STATES[group].includes(state)) ?? 'waiting'
}

export function countOf(tally: DingTally, group: Group): number {
  return STATES[group].reduce((sum, state) => sum + tally[state], 0)
}

export function totalOf(tally: DingTally): number {
  return GROUPS.reduce((sum, group) => sum + countOf(tally, group), 0)
}

/** The parts of a bar, in the order in which it is read: what is done first. */
export function parts(tally: DingTally): { group: Group; count: number }[] {
  const order: readonly Group[] = [
    'confirmed',
    'declined',
    'expired',
    'recalled',
    'withdrawn',
    'waiting',
  ]
  return order
    .map(group => ({ group, count: countOf(tally, group) }))
    .filter(({ count }) => count > 0)
}

/** Whether an alert waits for the person's answer; a late one is taken too. */
export function mayAnswer(state: DingState): boolean {
  return groupOf(state) === 'waiting' || state === 'expired'
}
