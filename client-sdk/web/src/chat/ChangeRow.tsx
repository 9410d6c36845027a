import type { Event, UserId } from '@carillon/client'
import { useCallback, useMemo } from 'react'
import { is } from '../model/event.ts'
import { usePeople, usePerson } from '../model/hooks.ts'
import { type Text, useLanguage, useText } from '../texts/language.tsx'
import type { Shown } from './RowView.tsx'

/** So many people are named; of more there is a number. */
const NAMED_MAX = 5
const NOBODY: readonly UserId[] = []

/** Something that happened to the conversation. */
export function ChangeRow({ event, shown }: { event: Event; shown: Shown }) {
  const { sight, me, calendar } = shown
  const watch = useCallback(
    (element: HTMLElement | null) => {
      if (element) return sight.watch(element, event.seq, event.by === me)
    },
    [sight, event, me],
  )
  return (
    <div className="entry entry-change" ref={watch} title={calendar.full(event.at)}>
      <bdi>
        <Sentence event={event} me={me} />
      </bdi>
    </div>
  )
}

function Sentence({ event, me }: { event: Event; me: UserId }) {
  const t = useText()
  const by = usePerson(event.by)
  const name = event.by === me ? t('chat.you') : (by?.name ?? t('chat.someone'))
  const names = useNames(peopleIn(event), me, t)
  return sentence(t, event, name, names)
}

/** Who came or went. */
function peopleIn(event: Event): readonly UserId[] {
  if (!is(event, 'conv.members_changed')) return NOBODY
  const { added = [], removed = [] } = event.data
  return added.length > 0 ? added : removed
}

function useNames(users: readonly UserId[], me: UserId, t: Text): string {
  const language = useLanguage()
  const list = useMemo(() => new Intl.ListFormat(language), [language])
  const named = useMemo(() => users.slice(0, NAMED_MAX), [users])
  const people = usePeople(named)
  const names = people.map(({ user, name }) => (user === me ? t('chat.you') : name))
  const more = users.length - named.length
  if (names.length === 0) return t('chat.someone')
  const joined = list.format(names)
  return more > 0 ? t('chat.change.and', { names: joined, count: more }) : joined
}

function sentence(t: Text, event: Event, name: string, names: string): string {
  if (is(event, 'conv.created')) {
    return event.data.kind === 'group'
      ? t('chat.change.created', { name })
      : t('chat.change.opened', { name })
  }
  if (is(event, 'conv.updated')) {
    return t('chat.change.renamed', { name, title: event.data.title })
  }
  if (is(event, 'conv.rules_changed')) return t('chat.change.rules', { name })
  if (!is(event, 'conv.members_changed')) return ''
  const { added = [], removed = [] } = event.data
  if (added.length > 0) return t('chat.change.added', { name, names })
  return removed.length === 1 && removed[0] === event.by
    ? t('chat.change.left', { name })
    : t('chat.change.removed', { name, names })
}
