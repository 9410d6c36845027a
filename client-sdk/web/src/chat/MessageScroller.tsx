import { ArrowDown, ArrowUp } from 'lucide-react'
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react'
import { Virtualizer, type VirtualizerHandle } from 'virtua'
import type { Conversation } from '../model/conversation.ts'
import { useCalendar, useChats, useTalkState, useToday } from '../model/hooks.ts'
import type { Row } from '../model/rows.ts'
import type { Stretch } from '../model/stretch.ts'
import type { Talk } from '../model/talk.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Spinner } from '../ui/Spinner.tsx'
import type { MessageListProps } from './MessageList.tsx'
import { RowView } from './RowView.tsx'
import { useRowFocus } from './useRowFocus.ts'
import { useScrolling } from './useScrolling.ts'
import { type Sight, useSight } from './useSight.ts'

/** Rows are drawn so far beyond the edges, in pixels: a quick turn of the wheel. */
const BEYOND = 1_000

/** Rows that scroll: only those on the screen are in the page. */
export function MessageScroller(
  props: MessageListProps & { stretch: Stretch; rows: readonly Row[] },
) {
  const { conv, talk, covered, stretch, rows, receiptsOf, onReceipts } = props
  const t = useText()
  const { me } = useChats()
  const calendar = useCalendar()
  const today = useToday(calendar)
  const box = useRef<HTMLDivElement>(null)
  const list = useRef<VirtualizerHandle>(null)
  const scrolling = useScrolling({ talk, stretch, rows, box, list })
  const sight = useSight({ talk, box, covered, receiptsOf })
  const focus = useRowFocus({ rows, box, list })
  const kept = useMemo(() => [...scrolling.kept, ...focus.kept], [scrolling.kept, focus.kept])
  const shown = useMemo(
    () => ({ conv: conv.id, me, talk, calendar, sight, onReceipts }),
    [conv.id, me, talk, calendar, sight, onReceipts],
  )
  return (
    <>
      <div
        ref={box}
        className="messages-scroll rows-on-screen"
        role="log"
        aria-live="off"
        aria-label={t('chat.messages.of', { title: conv.title })}
        onKeyDown={focus.onKeyDown}
        onFocus={focus.onFocus}
      >
        <div className="messages-spacer" />
        <Virtualizer
          ref={list}
          data={rows}
          shift={scrolling.shift}
          bufferSize={BEYOND}
          keepMounted={kept}
          onScroll={scrolling.onScroll}
          onScrollEnd={scrolling.onScrollEnd}
          onResize={scrolling.onResize}
        >
          {row => (
            <RowView
              key={row.key}
              row={row}
              shown={shown}
              today={today}
              tabbable={row.key === focus.tabbable}
              direct={conv.kind === 'direct'}
            />
          )}
        </Virtualizer>
        <div className="messages-margin" />
      </div>
      <Above talk={talk} sight={sight} />
      <Below conv={conv} talk={talk} following={scrolling.following} />
    </>
  )
}

/** What lies over the upper edge: the way to what is unread, and what is on its way. */
function Above({ talk, sight }: { talk: Talk; sight: Sight }) {
  const t = useText()
  const missed = useTalkState(talk, state => state.missed)
  const loading = useTalkState(talk, state => state.loading)
  const failed = useTalkState(talk, state => state.failed)
  const slow = useSlow(loading === 'older' || loading === 'whole')
  return (
    <div className="messages-above">
      {missed && (
        <Button
          icon={<ArrowUp aria-hidden="true" />}
          onClick={() => {
            sight.restart()
            void talk.jump(missed.after)
          }}
        >
          {t('chat.jump.unread', { count: missed.count })}
        </Button>
      )}
      {slow && (
        <span className="talk-chip" role="status">
          <Spinner />
          {t('chat.older')}
        </span>
      )}
      {failed && failed.part !== 'whole' && (
        <span className="talk-chip" role="alert">
          {failed.part === 'older' ? t('chat.older.failed') : t('chat.newer.failed')}
          <Button look="quiet" onClick={() => void talk.again()}>
            {t('retry')}
          </Button>
        </span>
      )}
    </div>
  )
}

/** The way back to what is being said. */
function Below({ conv, talk, following }: { conv: Conversation; talk: Talk; following: boolean }) {
  const t = useText()
  const seen = useRef(conv.n)
  useEffect(() => {
    if (following) seen.current = conv.n
  }, [following, conv.n])
  if (following) return null
  const count = Math.max(0, conv.n - seen.current)
  return (
    <div className="messages-below">
      <Button icon={<ArrowDown aria-hidden="true" />} onClick={() => void talk.newest()}>
        {count > 0 ? t('chat.jump.latest.new', { count }) : t('chat.jump.latest')}
      </Button>
    </div>
  )
}

/** What takes shorter than this is not worth a word. */
const SLOW_MS = 300

function useSlow(busy: boolean): boolean {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    if (!busy) return
    const timer = setTimeout(() => setSlow(true), SLOW_MS)
    return () => {
      clearTimeout(timer)
      setSlow(false)
    }
  }, [busy])
  return slow
}

export type Box = RefObject<HTMLDivElement | null>
export type ListHandle = RefObject<VirtualizerHandle | null>
