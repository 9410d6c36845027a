/** What a meeting tells. */

import type { CarillonError } from '../error.ts'
import type { Gone, RoomParticipant, RoomParticipantId, RoomSource } from '../protocol.ts'
import type { Quality } from './stats.ts'

/** Where the caller is on the way in and out. */
export type MeetingState =
  | { state: 'connecting' }
  /** To be let in: of the participants oneself is all that is known. */
  | { state: 'waiting' }
  | { state: 'connected' }
  /** Sound and pictures are away, and on their way back. */
  | { state: 'reconnecting' }
  /**
   * For good; `refused` says in `error` why one did not come back, and `denied` is who knocked and
   * was turned away: they may knock again.
   */
  | { state: 'left'; reason: Gone | 'refused' | 'denied'; error?: CarillonError }

/** What a meeting tells. Whatever can be asked of it is already as the update says. */
export type MeetingUpdate =
  | { kind: 'state'; state: MeetingState }
  /** `stuck` changed. */
  | { kind: 'stuck' }
  /** `room`, `participants` or `self` changed. */
  | { kind: 'roster' }
  /** Somebody else came in, was let in, or waits. */
  | { kind: 'joined'; participant: RoomParticipant }
  /** Somebody else left; `stillThere` if the person is there with another device. */
  | { kind: 'left'; participant: RoomParticipant; gone: Gone; stillThere: boolean }
  /** `speaking` changed. */
  | { kind: 'speaking' }
  /** `still` changed. */
  | { kind: 'still' }
  /** What `trackOf` answers, or `audio`, changed. */
  | { kind: 'tracks' }
  /** `sending` changed. */
  | { kind: 'sending' }
  /** A moderator muted this of the caller, or ended it. */
  | { kind: 'muted'; source: RoomSource }
  | { kind: 'reaction'; participant: RoomParticipantId; emoji: string }
  | { kind: 'quality'; quality: Quality }
