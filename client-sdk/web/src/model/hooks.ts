/** The model, for components: each draws itself again only when what it shows has changed. */

import type { Client, ConvId, UserId } from '@carillon/client'
import { useEffect, useMemo, useState } from 'react'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import { useClient, useMe } from '../app/workspace.ts'
import { useTexts } from '../texts/language.tsx'
import { Calendar } from './calendar.ts'
import { Chats, type ChatsState } from './chats.ts'
import { type Conversation, unread } from './conversation.ts'
import type { Person } from './people.ts'
import type { Count } from './receipts.ts'
import type { Talk, TalkState } from './talk.ts'

/** One for each connection: it hears everything from the beginning, whatever page is shown. */
const MODELS = new WeakMap<Client, Chats>()

export function useChats(): Chats {
  const client = useClient()
  const me = useMe().user
  let chats = MODELS.get(client)
  if (!chats) {
    chats = new Chats(client, me)
    MODELS.set(client, chats)
  }
  return chats
}

export function useChatsState<T>(select: (state: ChatsState) => T): T {
  return useStore(useChats().state, useShallow(select))
}

export function useConversation(id: ConvId): Conversation | undefined {
  return useStore(useChats().state, state => state.byId.get(id))
}

/** How many messages are unread, in all conversations. */
export function useUnread(): number {
  return useStore(useChats().state, ({ byId }) => {
    let sum = 0
    for (const conv of byId.values()) sum += unread(conv)
    return sum
  })
}

export function useTalk(id: ConvId): Talk {
  const chats = useChats()
  return useMemo(() => chats.talk(id), [chats, id])
}

export function useTalkState<T>(talk: Talk, select: (state: TalkState) => T): T {
  return useStore(talk.state, select)
}

/** How many have read a message. */
export function useCount(talk: Talk, seq: number | undefined): Count | undefined {
  return useStore(talk.receipts.counts, counts => (seq === undefined ? undefined : counts.get(seq)))
}

/** A person; `undefined` until it is known. */
export function usePerson(user: UserId | undefined): Person | undefined {
  const { people } = useChats()
  const person = useStore(people.known, known => (user === undefined ? undefined : known.get(user)))
  useEffect(() => {
    if (user !== undefined && !person) people.need([user])
  }, [people, user, person])
  return person
}

/** Whether somebody on the screen is known to be online. */
export function useOnline(user: UserId | undefined): boolean {
  const { presence } = useChats()
  useEffect(() => (user === undefined ? undefined : presence.show(user)), [presence, user])
  return useStore(presence.online, online => user !== undefined && online.has(user))
}

/** Several people, in the order asked; those who are not known yet are missing. */
export function usePeople(users: readonly UserId[]): Person[] {
  const { people } = useChats()
  useEffect(() => people.need(users), [people, users])
  return useStore(
    people.known,
    useShallow(known => users.map(user => known.get(user)).filter(person => person !== undefined)),
  )
}

export function useCalendar(): Calendar {
  const { language } = useTexts()
  const { tz } = useMe()
  return useMemo(() => new Calendar(language, tz), [language, tz])
}

/** The time by which days are named; changes when a new day begins. */
export function useToday(calendar: Calendar): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), calendar.untilTomorrow(now))
    return () => clearTimeout(timer)
  }, [calendar, now])
  return now
}

/** Whether the screen is so; for what style sheets alone cannot decide. */
export function useScreen(query: string): boolean {
  const [media] = useState(() => matchMedia(query))
  const [matches, setMatches] = useState(media.matches)
  useEffect(() => {
    const changed = () => setMatches(media.matches)
    media.addEventListener('change', changed)
    return () => media.removeEventListener('change', changed)
  }, [media])
  return matches
}
