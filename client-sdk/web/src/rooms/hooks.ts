/** A meeting, for components. */

import type {
  ConvId,
  RoomHead,
  RoomParticipant,
  RoomParticipantId,
  RoomSource,
  UserId,
} from '@carillon/client'
import { createContext, useContext } from 'react'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import type { Conversation } from '../model/conversation.ts'
import { useConversation, usePerson } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import type { Meeting, MeetingView } from './meeting.ts'

const NOBODY: readonly RoomParticipant[] = []

export const InMeeting = createContext<Meeting | undefined>(undefined)

/** Where names come from: a hook for each, the same for as long as the page is shown. */
export interface Directory {
  /** A person's name; of nobody, nothing is asked. */
  usePersonName(user: UserId | undefined): string | undefined
  /** The conversation of a meeting, to be read beside it. */
  useConversation(conv: ConvId): Conversation | undefined
  /** What a meeting without a title is called. */
  useTitle(conv: ConvId): string | undefined
}

/** A member knows the people of the organisation. */
export const InDirectory = createContext<Directory>({
  usePersonName: user => usePerson(user)?.name,
  useConversation,
  useTitle: conv => useConversation(conv)?.title,
})

/** The conversation of a meeting, for whoever may read it. */
export function useTalkOf(conv: ConvId): Conversation | undefined {
  const { useConversation } = useContext(InDirectory)
  return useConversation(conv)
}

export function useMeeting(): Meeting {
  const meeting = useContext(InMeeting)
  if (!meeting) throw new Error('there is no meeting around this')
  return meeting
}

export function useView<T>(select: (view: MeetingView) => T): T {
  return useStore(useMeeting().view, useShallow(select))
}

/** What somebody sends, as far as it is here. */
export function useTrack(
  participant: RoomParticipantId,
  source: RoomSource,
): MediaStreamTrack | undefined {
  const { room, view } = useMeeting()
  return useStore(view, ({ sending }) =>
    participant === room.me ? sending.get(source)?.track : room.trackOf(participant, source),
  )
}

/** Whether somebody sends this, and it is not muted. */
export function isOn({ publications }: RoomParticipant, source: RoomSource): boolean {
  const publication = publications?.[source]
  return publication !== undefined && !publication.muted
}

/** Whether somebody may mute, admit and end. */
export function moderates(participant: RoomParticipant | undefined): boolean {
  return participant?.role === 'host' || participant?.role === 'moderator'
}

/** The person, as who they are in the meeting. */
export function useSelf(): RoomParticipant | undefined {
  const { me } = useMeeting().room
  return useView(({ participants }) => participants.find(({ participant }) => participant === me))
}

/** Who are in the meeting; who waits is not. */
export function usePresent(): readonly RoomParticipant[] {
  return useView(({ participants }) => participants.filter(({ waiting }) => !waiting))
}

/** Who waits for this person to let them in; nobody for whoever may not. */
export function useKnocking(): readonly RoomParticipant[] {
  const may = moderates(useSelf())
  return useView(({ participants }) => (may ? participants.filter(one => one.waiting) : NOBODY))
}

export function useName({ user, name }: Partial<Pick<RoomParticipant, 'user' | 'name'>>): string {
  const t = useText()
  const { usePersonName } = useContext(InDirectory)
  const known = usePersonName(name === undefined ? user : undefined)
  return name ?? known ?? t('chat.someone')
}

/** What a meeting is called. */
export function useTitleOf({ title, conv }: Pick<RoomHead, 'title' | 'conv'>): string {
  const t = useText()
  const { useTitle } = useContext(InDirectory)
  const known = useTitle(conv)
  return title ?? known ?? t('rooms.meeting')
}

/** At which place a raised hand is: 1 is asked first; 0 is not raised. */
export function handOf(
  participant: RoomParticipant,
  participants: readonly RoomParticipant[],
): number {
  const { hand_at: at } = participant
  if (at === undefined) return 0
  return 1 + participants.filter(({ hand_at: other }) => other !== undefined && other < at).length
}
