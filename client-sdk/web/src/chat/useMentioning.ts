import { type KeyboardEvent, useEffect, useId, useMemo, useState } from 'react'
import { useStore } from 'zustand'
import type { Draft } from '../model/drafts.ts'
import { useChats, usePeople } from '../model/hooks.ts'
import { type Asking, askingAt, type Mentionable, offered } from '../model/mention.ts'
import type { Talk } from '../model/talk.ts'
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
  talk,
  draft,
  box,
}: {
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
  const query = asking?.query
  const people = useMemo(() => (query === undefined ? [] : offered(all, query)), [all, query])
  // biome-ignore lint/correctness/useExhaustiveDependencies: other people, the first one again
  useEffect(() => setChosen(0), [query])
  const open = people.length > 0 && shutAt !== asking?.at

  const onKey = (event: KeyboardEvent, onPick: OnPick): boolean => {
    if (!open) return false
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const person = people[chosen]
    if (step !== 0) setChosen((chosen + step + people.length) % people.length)
    else if (event.key === 'Escape') setShutAt(asking?.at)
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
