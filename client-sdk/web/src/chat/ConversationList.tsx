import type { ConvId } from '@carillon/client'
import { MessageSquarePlus, UsersRound } from 'lucide-react'
import { type KeyboardEvent, lazy, Suspense, useEffect, useRef, useState } from 'react'
import { Virtualizer, type VirtualizerHandle } from 'virtua'
import { Failed } from '../app/Fetched.tsx'
import { useCalendar, useChats, useChatsState, useToday } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Search } from '../ui/Search.tsx'
import type { Making } from './Chats.tsx'
import { ConversationRow } from './ConversationRow.tsx'
import { focusSoon } from './focusSoon.ts'

const Stranded = lazy(() => import('./Stranded.tsx'))

/** The person's conversations, the newest first. */
export function ConversationList({
  current,
  onMake,
}: {
  current: ConvId | undefined
  onMake: (making: Making) => void
}) {
  const t = useText()
  const [query, setQuery] = useState('')
  const body = useRef<HTMLDivElement>(null)
  const stranded = useChatsState(state => state.stranded)
  const enter = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' || event.nativeEvent.isComposing) return
    event.preventDefault()
    body.current?.querySelector<HTMLElement>('a')?.focus()
  }
  return (
    <section className="convs" aria-label={t('chat.list')}>
      {current === undefined && <h1 className="visually-hidden">{t('nav.chats')}</h1>}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys of what is inside */}
      <header className="convs-head" onKeyDown={enter}>
        <Search label={t('chat.search')} value={query} onChange={setQuery} />
        <IconButton
          label={t('chat.new')}
          icon={<MessageSquarePlus />}
          onClick={() => onMake('chat')}
        />
        <IconButton
          label={t('chat.new.group')}
          icon={<UsersRound />}
          onClick={() => onMake('group')}
        />
      </header>
      <Suspense fallback={null}>{stranded.length > 0 && <Stranded messages={stranded} />}</Suspense>
      <div className="convs-body" ref={body}>
        <Rows query={query} current={current} onMake={onMake} />
      </div>
    </section>
  )
}

function Rows({
  query,
  current,
  onMake,
}: {
  query: string
  current: ConvId | undefined
  onMake: (making: Making) => void
}) {
  const t = useText()
  const chats = useChats()
  const state = useChatsState(({ state }) => state)
  const error = useChatsState(({ error }) => error)
  const ids = useFound(query)
  if (state === 'failed') return <Failed error={error} again={() => void chats.load()} />
  if (ids.length === 0 && state === 'loading') return <WaitingRows />
  if (ids.length === 0 && query.trim()) {
    return <Empty title={t('chat.search.none', { query: query.trim() })} />
  }
  if (ids.length === 0) {
    return (
      <Empty title={t('chat.empty')}>
        <Button look="primary" onClick={() => onMake('chat')}>
          {t('chat.new')}
        </Button>
      </Empty>
    )
  }
  return <VirtualRows ids={ids} current={current} />
}

/** The conversations whose title contains this. */
function useFound(query: string): readonly ConvId[] {
  const wanted = query.trim().toLowerCase()
  return useChatsState(({ byId, order }) =>
    wanted ? order.filter(id => byId.get(id)?.title.toLowerCase().includes(wanted)) : order,
  )
}

function VirtualRows({ ids, current }: { ids: readonly ConvId[]; current: ConvId | undefined }) {
  const rows = useRef<VirtualizerHandle>(null)
  const box = useRef<HTMLDivElement>(null)
  const calendar = useCalendar()
  const today = useToday(calendar)
  const [focused, setFocused] = useState<ConvId>()
  // One of them takes part in the order of tabs; from there the arrows lead on.
  const tabbable = [focused, current].find(id => id !== undefined && ids.includes(id)) ?? ids[0]
  const move = (event: KeyboardEvent) => {
    const next = target(event.key, ids.indexOf(tabbable ?? ''), ids.length)
    const id = next === undefined ? undefined : ids[next]
    if (next === undefined || id === undefined) return
    event.preventDefault()
    setFocused(id)
    rows.current?.scrollToIndex(next, { align: 'nearest' })
    focusSoon(() => rowOf(box.current, id))
  }
  const before = useRef(current)
  useEffect(() => {
    // Whoever comes back from a conversation goes on where it stands.
    const came = before.current
    before.current = current
    const isNowhere = document.activeElement === document.body
    if (came === undefined || current !== undefined || !isNowhere) return
    focusSoon(() => rowOf(box.current, came))
  }, [current])
  const kept = tabbable === undefined ? [] : [ids.indexOf(tabbable)]
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of what is inside
    <div className="convs-scroll rows-on-screen" ref={box} onKeyDown={move}>
      <Virtualizer ref={rows} as="ul" item="li" data={ids} keepMounted={kept}>
        {id => (
          <ConversationRow
            key={id}
            id={id}
            current={id === current}
            tabbable={id === tabbable}
            calendar={calendar}
            today={today}
            onFocus={setFocused}
          />
        )}
      </Virtualizer>
    </div>
  )
}

function rowOf(box: HTMLElement | null, id: ConvId) {
  return box?.querySelector<HTMLElement>(`[data-conv="${CSS.escape(id)}"]`)
}

function target(key: string, here: number, length: number): number | undefined {
  if (key === 'ArrowDown') return Math.min(here + 1, length - 1)
  if (key === 'ArrowUp') return Math.max(here - 1, 0)
  if (key === 'Home') return 0
  if (key === 'End') return length - 1
  return undefined
}

/** Rows of their final size, until the list is there. */
function WaitingRows() {
  const t = useText()
  return (
    <div role="status" aria-label={t('loading')}>
      {[1, 2, 3, 4, 5, 6].map(number => (
        <div key={number} className="conv conv-waiting" aria-hidden="true">
          <span className="avatar avatar-m" />
          <span className="conv-words">
            <span className="talk-bar talk-bar-short" />
            <span className="talk-bar" />
          </span>
        </div>
      ))}
    </div>
  )
}
