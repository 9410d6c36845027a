import type { OrgMember, UserId } from '@carillon/client'
import { X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { useDebounced } from '../app/debounced.ts'
import { Failed } from '../app/Fetched.tsx'
import { useChats } from '../model/hooks.ts'
import { narrowed, useMembers } from '../people/members.ts'
import { useWhenFound } from '../people/useWhenFound.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Skeleton } from '../ui/Spinner.tsx'

export interface PeoplePickerProps {
  /** Those who are chosen, where several can be. */
  picked?: readonly OrgMember[]
  /** Those who cannot be chosen because they are there already. */
  already?: ReadonlySet<UserId>
  /** Whether oneself can be chosen. */
  oneself?: boolean
  /** Whether one begins with it. */
  first?: boolean
  onPick: (person: OrgMember) => void
}

/** A line to search people by, and those who were found (ARIA's combobox with a list below). */
export function PeoplePicker(props: PeoplePickerProps) {
  const { picked = [], already, oneself = false, first = true, onPick } = props
  const t = useText()
  const id = useId()
  const { me } = useChats()
  const list = useRef<HTMLDivElement>(null)
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first of those found now
  useEffect(() => setAt(0), [query])
  const rested = useDebounced(query)
  const found = useMembers({ query: rested })
  // Who types fast must not take somebody whom other letters have found.
  const isStale = found.stale || rested !== query
  const there = isStale ? narrowed(found.items, query) : found.items
  const people = there.filter(({ user }) => oneself || user !== me)
  const chosen = people[Math.min(at, people.length - 1)]
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the arrow keys
  useEffect(() => {
    list.current?.querySelector('[data-at]')?.scrollIntoView({ block: 'nearest' })
  }, [at])
  const take = (person: OrgMember) => {
    if (!already?.has(person.user)) onPick(person)
  }
  const takeWhenFound = useWhenFound(query, isStale, () => chosen && take(chosen))
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return
    if (event.key === 'Enter' && chosen) take(chosen)
    else if (event.key === 'Enter' && isStale && query.trim()) takeWhenFound()
    else if (event.key === 'ArrowDown') setAt(Math.min(at + 1, people.length - 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0))
    else return
    event.preventDefault()
  }
  const choice = (person: OrgMember) => (
    <Choice
      key={person.user}
      id={`${id}-${person.user}`}
      person={person}
      at={person === chosen}
      picked={picked.some(({ user }) => user === person.user)}
      already={already?.has(person.user) ?? false}
      onPick={() => take(person)}
    />
  )
  return (
    <div className="find">
      <Line
        first={first}
        list={`${id}-list`}
        open={people.length > 0}
        active={chosen && `${id}-${chosen.user}`}
        value={query}
        onChange={setQuery}
        onKeyDown={onKeyDown}
      />
      <div
        ref={list}
        id={`${id}-list`}
        className="find-list"
        role="listbox"
        aria-label={t('nav.people')}
        aria-multiselectable={picked.length > 0 || undefined}
      >
        {people.map(choice)}
      </div>
      <Around found={isStale ? { ...found, loading: true } : found} people={people} query={query} />
    </div>
  )
}

/** Where one writes whom one looks for; the keys lead through the list below. */
function Line({
  first,
  list,
  open,
  active,
  value,
  onChange,
  onKeyDown,
}: {
  first: boolean
  list: string
  open: boolean
  active: string | undefined
  value: string
  onChange: (value: string) => void
  onKeyDown: (event: KeyboardEvent) => void
}) {
  const t = useText()
  return (
    <input
      data-autofocus={first || undefined}
      className="input"
      type="text"
      role="combobox"
      inputMode="search"
      autoComplete="off"
      spellCheck={false}
      aria-label={t('chat.people.search')}
      placeholder={t('chat.people.search')}
      aria-expanded={open}
      aria-controls={list}
      aria-activedescendant={active}
      value={value}
      onChange={event => onChange(event.target.value)}
      onKeyDown={onKeyDown}
    />
  )
}

/** What there is to say beside the people. */
function Around({
  found,
  people,
  query,
}: {
  found: ReturnType<typeof useMembers>
  people: readonly OrgMember[]
  query: string
}) {
  const t = useText()
  if (found.error !== undefined) {
    return <Failed error={found.error} again={() => void found.pages.next()} />
  }
  if (people.length === 0 && found.loading) return <Skeleton lines={4} />
  if (people.length === 0) {
    const none = query.trim()
      ? t('chat.people.none', { query: query.trim() })
      : t('chat.people.empty')
    return <p className="talk-hint">{none}</p>
  }
  return found.more ? <p className="talk-hint">{t('chat.people.more')}</p> : null
}

function Choice({
  id,
  person,
  at,
  picked,
  already,
  onPick,
}: {
  id: string
  person: OrgMember
  at: boolean
  picked: boolean
  already: boolean
  onPick: () => void
}) {
  const t = useText()
  const under = already ? t('chat.people.already') : (person.title ?? person.login)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the line above
    <div
      id={id}
      className="talk-person find-person"
      role="option"
      tabIndex={-1}
      aria-selected={picked}
      aria-disabled={already || undefined}
      data-at={at || undefined}
      onPointerDown={event => event.preventDefault()}
      onClick={onPick}
    >
      <Avatar id={person.user} name={person.name} />
      <span className="talk-person-words">
        <bdi className="talk-person-name">{person.name}</bdi>
        <bdi className="soft">{under}</bdi>
      </span>
      {picked && <span className="find-mark" aria-hidden="true" />}
    </div>
  )
}

/** Those who are chosen, each with a way back. */
export function Chips({
  people,
  onDrop,
}: {
  people: readonly OrgMember[]
  onDrop: (user: UserId) => void
}) {
  const t = useText()
  if (people.length === 0) return null
  return (
    <div>
      <p className="talk-hint" role="status">
        {t('chat.people.picked', { count: people.length })}
      </p>
      <ul className="talk-chips">
        {people.map(({ user, name }) => (
          <li key={user} className="talk-chip">
            <bdi>{name}</bdi>
            <IconButton
              label={t('chat.people.drop', { name })}
              icon={<X />}
              onClick={() => onDrop(user)}
            />
          </li>
        ))}
      </ul>
    </div>
  )
}
