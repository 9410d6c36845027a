import type { ReceiptPerson, ReceiptState } from '@carillon/client'
import { BellRing } from 'lucide-react'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useStore } from 'zustand'
import { Failed } from '../app/Fetched.tsx'
import { useClient } from '../app/workspace.ts'
import { useDingAbout } from '../ding/about.ts'
import type { Calendar } from '../model/calendar.ts'
import type { Conversation } from '../model/conversation.ts'
import { useCalendar, useCount, useToday } from '../model/hooks.ts'
import { readers } from '../model/readers.ts'
import type { Talk } from '../model/talk.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { Panel } from './Panel.tsx'

const TABS: readonly ReceiptState[] = ['unread', 'read']

/** Who has read a message, and who has not. */
export default function Receipts({
  conv,
  talk,
  seq,
  onClose,
}: {
  conv: Conversation
  talk: Talk
  seq: number
  onClose: () => void
}) {
  const t = useText()
  const id = useId()
  const tabs = useRef<HTMLDivElement>(null)
  const count = useCount(talk, seq)
  const [state, setState] = useState<ReceiptState>('unread')
  const label = (of: ReceiptState) => {
    const read = count?.read ?? 0
    const unread = (count?.total ?? 0) - read
    return of === 'read'
      ? t('chat.receipts.read', { count: read })
      : t('chat.receipts.unread', { count: unread })
  }
  const turn = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    event.preventDefault()
    const other = TABS.find(tab => tab !== state) ?? state
    setState(other)
    tabs.current?.querySelector<HTMLElement>(`[data-tab="${other}"]`)?.focus()
  }
  return (
    <Panel title={t('chat.receipts')} onClose={onClose}>
      <p className="talk-hint">{t('chat.receipts.meaning')}</p>
      <div className="talk-tabs" role="tablist" ref={tabs} onKeyDown={turn}>
        {TABS.map(tab => (
          <button
            key={tab}
            type="button"
            role="tab"
            id={`${id}-${tab}`}
            className="talk-tab"
            data-tab={tab}
            aria-selected={tab === state}
            aria-controls={`${id}-people`}
            tabIndex={tab === state ? 0 : -1}
            onClick={() => setState(tab)}
          >
            {label(tab)}
          </button>
        ))}
      </div>
      <div
        id={`${id}-people`}
        role="tabpanel"
        aria-labelledby={`${id}-${state}`}
        className="talk-people"
      >
        <People
          key={state}
          conv={conv}
          seq={seq}
          state={state}
          change={`${count?.read}/${count?.total}`}
        />
      </div>
    </Panel>
  )
}

function People({
  conv,
  seq,
  state,
  change,
}: {
  conv: Conversation
  seq: number
  state: ReceiptState
  /** Another text when somebody has read it meanwhile. */
  change: string
}) {
  const t = useText()
  const client = useClient()
  const calendar = useCalendar()
  const today = useToday(calendar)
  const pages = useMemo(
    () => readers(client, { conv: conv.id, seq, state }),
    [client, conv.id, seq, state],
  )
  const { items: people, more, loading, error } = useStore(pages.list)
  // biome-ignore lint/correctness/useExhaustiveDependencies: asks again when the counts change
  useEffect(() => void pages.again(), [pages, change])
  if (error !== undefined && !people) {
    return <Failed error={error} again={() => void pages.again()} />
  }
  if (!people) return <Skeleton lines={6} />
  if (people.length === 0) {
    const nobody =
      state === 'read' ? t('chat.receipts.nobody.read') : t('chat.receipts.nobody.unread')
    return <Empty title={nobody} />
  }
  return (
    <>
      {state === 'unread' && <DingUnread conv={conv} seq={seq} />}
      <ul>
        {people.map(person => (
          <PersonRow key={person.user} person={person} calendar={calendar} today={today} />
        ))}
      </ul>
      {error !== undefined && <Failed error={error} again={() => void pages.next()} />}
      {more && error === undefined && (
        <Button busy={loading} onClick={() => void pages.next()}>
          {t('chat.receipts.more')}
        </Button>
      )}
    </>
  )
}

/** Begins an alert to those who have not read it. */
function DingUnread({ conv, seq }: { conv: Conversation; seq: number }) {
  const t = useText()
  const ding = useDingAbout(conv.id)
  return (
    <Button icon={<BellRing />} onClick={() => ding.unread(seq, undefined)}>
      {t('ding.unread.menu')}
    </Button>
  )
}

function PersonRow({
  person,
  calendar,
  today,
}: {
  person: ReceiptPerson
  calendar: Calendar
  today: number
}) {
  const { user, name, at } = person
  return (
    <li className="talk-person">
      <Avatar id={user} name={name} />
      <bdi className="talk-person-name">{name}</bdi>
      {at !== undefined && (
        <time dateTime={new Date(at).toISOString()} title={calendar.full(at)}>
          {calendar.moment(at, today)}
        </time>
      )}
    </li>
  )
}
