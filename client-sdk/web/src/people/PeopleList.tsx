import type { OrgMember, UserId } from '@carillon/client'
import { type ReactNode, useEffect, useRef } from 'react'
import { VList, type VListHandle } from 'virtua'
import { Failed } from '../app/Fetched.tsx'
import type { Pages } from '../model/pages.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import type { Departments } from './departments.ts'
import type { Members } from './members.ts'
import './people-list.css'

/** The next page is fetched when the end is so many heights of the list away. */
const AHEAD = 2

export interface PeopleListProps extends Members {
  pages: Pages<OrgMember>
  departments: Departments
  chosen?: UserId | undefined
  /** What else to say of a person. */
  note?: (member: OrgMember) => string
  /** What stands above the people and scrolls with them. */
  before?: ReactNode
  onChoose: (user: UserId) => void
  /** What to say where there is nobody. */
  empty: string
}

/** People, as many as there are: only those on the screen are drawn. */
export function PeopleList(props: PeopleListProps) {
  const { items: members, more, loading, error, pages, departments, chosen, note, before } = props
  const { onChoose, empty } = props
  const t = useText()
  const rows = useRef<VListHandle>(null)
  const shown = before ? [undefined, ...members] : members
  const look = () => {
    const view = rows.current
    if (!view || error !== undefined) return
    const rest = view.scrollSize - view.scrollOffset - view.viewportSize
    if (rest < view.viewportSize * AHEAD) void pages.next()
  }
  // A page that is shorter than the screen asks for the next one.
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks whenever people were added
  useEffect(look, [members])
  if (members.length === 0) {
    return (
      <div className="people-rows people-none">
        {before}
        {error !== undefined && <Failed error={error} again={() => void pages.again()} />}
        {error === undefined && (loading ? <Skeleton lines={6} /> : <Empty title={empty} />)}
      </div>
    )
  }
  return (
    <div className="people-rows" aria-busy={loading}>
      <VList
        ref={rows}
        className="rows-on-screen"
        data={shown}
        role="list"
        aria-label={t('people.list')}
        onScroll={look}
      >
        {(member, index) => (
          // biome-ignore lint/a11y/useSemanticElements: the list draws elements around it
          <div
            key={member?.user ?? 'before'}
            role="listitem"
            aria-posinset={index + 1}
            aria-setsize={more ? -1 : shown.length}
          >
            {member ? (
              <Row
                member={member}
                departments={departments}
                chosen={member.user === chosen}
                note={note?.(member)}
                onChoose={onChoose}
              />
            ) : (
              before
            )}
          </div>
        )}
      </VList>
      {error !== undefined && <Failed error={error} again={() => void pages.next()} />}
    </div>
  )
}

function Row({
  member,
  departments,
  chosen,
  note,
  onChoose,
}: {
  member: OrgMember
  departments: Departments
  chosen: boolean
  note: string | undefined
  onChoose: (user: UserId) => void
}) {
  const t = useText()
  const where = departments.get(member.departments[0])?.name
  const words = [member.app ? t('people.program') : member.title, where].filter(Boolean)
  return (
    <button
      type="button"
      className="people-row"
      data-person={member.user}
      aria-current={chosen || undefined}
      onClick={() => onChoose(member.user)}
    >
      <Avatar id={member.user} name={member.name} />
      <span className="people-words">
        <span className="people-name">{member.name}</span>
        {words.length > 0 && <span className="soft">{words.join(' · ')}</span>}
      </span>
      {note && <span className="people-note">{note}</span>}
    </button>
  )
}
