import type { OrgMember, UserId } from '@carillon/client'
import { X } from 'lucide-react'
import { type KeyboardEvent, useId, useState } from 'react'
import { useDebounced } from '../app/debounced.ts'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Field } from '../ui/Field.tsx'
import './finder.css'
import { narrowed } from './members.ts'
import { useWhenFound } from './useWhenFound.ts'

/** So many people are offered; more letters make it fewer. */
const OFFERED_MAX = 8

/** One person, found by writing some letters of the name (ARIA's combobox pattern). */
export function PersonPicker({
  label,
  hint,
  error,
  value,
  onChange,
}: {
  label: string
  hint?: string
  error?: string | undefined
  value: UserId | undefined
  onChange: (user: UserId | undefined) => void
}) {
  const t = useText()
  const client = useClient()
  const id = useId()
  const chosen = useLoad(async () => {
    if (value === undefined) return undefined
    return (await client.call('org.member.get', { users: [value] })).members[0]
  }, value ?? '')
  const person = chosen.state === 'there' && chosen.value?.user === value ? chosen.value : undefined
  if (value !== undefined) {
    return (
      <div className="field">
        <span id={id} className="finder-label">
          {label}
        </span>
        <fieldset className="picked" aria-labelledby={id}>
          <Avatar id={value} name={person?.name ?? ''} size="s" />
          <span className="grow">{person?.name ?? '…'}</span>
          <IconButton
            label={t('people.unpick', { name: person?.name ?? '' })}
            icon={<X />}
            onClick={() => onChange(undefined)}
          />
        </fieldset>
        {hint && <p className="field-hint">{hint}</p>}
        {error && (
          <p className="field-error" role="alert">
            {error}
          </p>
        )}
      </div>
    )
  }
  return (
    <div className="finder">
      <Finder label={label} hint={hint} error={error} onPick={({ user }) => onChange(user)} />
    </div>
  )
}

function Finder({
  label,
  hint,
  error,
  onPick,
}: {
  label: string
  hint: string | undefined
  error: string | undefined
  onPick: (person: OrgMember) => void
}) {
  const t = useText()
  const list = useId()
  const [query, setQuery] = useState('')
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(0)
  const wanted = query.trim()
  const found = usePeopleFound(useDebounced(wanted))
  // Who types fast must not take somebody whom other letters have found.
  const isStale = found.query !== wanted
  const people = isStale ? narrowed(found.people, wanted) : found.people
  const shown = open && wanted !== ''
  const nobody = !isStale && people.length === 0
  const takeWhenFound = useWhenFound(wanted, isStale, () => people[0] && onPick(people[0]))
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || !shown) return
    const person = people[at]
    if (event.key === 'ArrowDown') setAt(Math.min(at + 1, people.length - 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0))
    else if (event.key === 'Enter' && person) onPick(person)
    else if (event.key === 'Enter' && isStale) takeWhenFound()
    else if (event.key === 'Escape') setOpen(false)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <>
      <Field
        label={label}
        hint={hint}
        error={error}
        role="combobox"
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && people[at] ? `${list}-${at}` : undefined}
        autoComplete="off"
        placeholder={t('people.pick')}
        value={query}
        onChange={event => {
          setQuery(event.target.value)
          setAt(0)
          setOpen(true)
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setOpen(false)}
      />
      <div className="finder-list" hidden={!shown}>
        <Found id={list} label={label} people={people} at={at} onPick={onPick} />
        <p className="finder-none" role="status">
          {nobody && t('people.noneFound', { query: wanted })}
        </p>
      </div>
    </>
  )
}

const NOBODY_ASKED_FOR = { query: '', people: [] }

/** The first people whom these letters find; until they are there, those of the letters before. */
function usePeopleFound(query: string): { query: string; people: readonly OrgMember[] } {
  const client = useClient()
  const found = useLoad(async () => {
    if (!query) return NOBODY_ASKED_FOR
    const args = { query, limit: OFFERED_MAX, left: false }
    const { members } = await client.call('org.member.list', args)
    return { query, people: members.filter(({ app }) => !app) }
  }, query)
  return found.state === 'there' ? found.value : NOBODY_ASKED_FOR
}

function Found({
  id,
  label,
  people,
  at,
  onPick,
}: {
  id: string
  label: string
  people: readonly OrgMember[]
  at: number
  onPick: (person: OrgMember) => void
}) {
  return (
    <div id={id} role="listbox" aria-label={label}>
      {people.map((person, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the combobox's
        <div
          key={person.user}
          id={`${id}-${index}`}
          className="finder-option"
          role="option"
          tabIndex={-1}
          aria-selected={index === at}
          onPointerDown={event => event.preventDefault()}
          onClick={() => onPick(person)}
        >
          <Avatar id={person.user} name={person.name} size="s" />
          <span className="people-words">
            <span>{person.name}</span>
            {person.title && <span className="soft">{person.title}</span>}
          </span>
        </div>
      ))}
    </div>
  )
}
