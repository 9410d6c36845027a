import type { ConvId } from '@carillon/client'
import { type KeyboardEvent, useEffect, useId, useMemo, useState } from 'react'
import { useStore } from 'zustand'
import type { Draft } from '../model/drafts.ts'
import { useChats, useChatsState, usePeople } from '../model/hooks.ts'
import {
  type Asking,
  askingAt,
  EVERYBODY,
  type Mentionable,
  meansEverybody,
  offered,
} from '../model/mention.ts'
import type { Talk } from '../model/talk.ts'
import { useText } from '../texts/language.tsx'
import type { TextBox } from './useTextBox.ts'

type OnPick = (name: string, user: string) => void

export interface Mentioning {
  id: string
  asking: Asking | undefined
  people: readonly Mentionable[]
  open: boolean
  /** Which of them Enter takes. */
  chosen: number
  /** The id of its element. */
  active: string | undefined
  /** Looks where the cursor stands. */
  look: () => void
  shut: () => void
  choose: (index: number) => void
  /** Takes the keys of the list; tells whether it did. */
  onKey: (event: KeyboardEvent, onPick: OnPick) => boolean
}

/** Who is offered while somebody writes an `@`. */
export function useMentioning({
  conv,
  talk,
  draft,
  box,
}: {
  conv: ConvId
  talk: Talk
  draft: Draft
  box: TextBox
}): Mentioning {
  const id = useId()
  const [cursor, setCursor] = useState<number>()
  const [shutAt, setShutAt] = useState<number>()
  const [chosen, setChosen] = useState(0)
  const asking = useMemo(
    () => (cursor === undefined ? undefined : askingAt(draft.text, cursor)),
    [draft.text, cursor],
  )
  const all = useMentionable(talk, asking !== undefined)
  const everybody = useEverybody(conv, talk)
  const query = asking?.query
  // Last, so that who is too quick with Enter calls one person and not all of them.
  const people = useMemo(() => {
    if (query === undefined) return []
    return [...offered(all, query), ...everybody.filter(it => meansEverybody(it.name, query))]
  }, [all, everybody, query])
  // biome-ignore lint/correctness/useExhaustiveDependencies: other people, the first one again
  useEffect(() => setChosen(0), [query])
  const open = people.length > 0 && shutAt !== asking?.at

  const onKey = (event: KeyboardEvent, onPick: OnPick): boolean => {
    if (!open) return false
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const person = people[chosen]
    if (step !== 0) {
      const next = (chosen + step + people.length) % people.length
      setChosen(next)
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' })
    } else if (event.key === 'Escape') setShutAt(asking?.at)
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey && person) {
      onPick(person.name, person.user)
    } else return false
    event.preventDefault()
    return true
  }
  return {
    id,
    asking,
    people,
    open,
    chosen,
    active: open ? `${id}-${chosen}` : undefined,
    look: () => {
      const { from, to } = box.selection()
      setCursor(from === to ? to : undefined)
    },
    shut: () => setCursor(undefined),
    choose: setChosen,
    onKey,
  }
}

/** Everybody in a group at once, for those who may call all of them. */
function useEverybody(conv: ConvId, talk: Talk): Mentionable[] {
  const t = useText()
  const { me } = useChats()
  const group = useChatsState(({ byId }) => byId.get(conv))
  const role = useStore(
    talk.members.list,
    ({ members }) => members.find(it => it.user === me)?.role,
  )
  const isGroup = group?.kind === 'group'
  const may = isGroup && (group.rules?.mention_all !== 'owners' || role === 'owner')
  return useMemo(
    () => (may ? [{ user: EVERYBODY, name: t('chat.everybody'), login: '' }] : []),
    [may, t],
  )
}

/** The others in the conversation; fetched when the first `@` is written. */
function useMentionable(talk: Talk, wanted: boolean): Mentionable[] {
  const { me } = useChats()
  const members = useStore(talk.members.list, list => list.members)
  useEffect(() => {
    if (wanted) void talk.members.load()
  }, [talk, wanted])
  const ids = useMemo(
    () => (wanted ? members.map(({ user }) => user).filter(user => user !== me) : []),
    [wanted, members, me],
  )
  const people = usePeople(ids)
  return useMemo(() => people.filter(person => person.active), [people])
}
