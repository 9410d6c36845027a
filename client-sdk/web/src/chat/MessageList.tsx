import type { Event } from '@carillon/client'
import { useMemo } from 'react'
import { Failed } from '../app/Fetched.tsx'
import type { Conversation } from '../model/conversation.ts'
import { useCalendar, useChats, usePerson, useTalkState } from '../model/hooks.ts'
import { messageOf } from '../model/message.ts'
import { rowsOf } from '../model/rows.ts'
import type { Talk } from '../model/talk.ts'
import { useText } from '../texts/language.tsx'
import { Empty } from '../ui/Notice.tsx'
import './message.css'
import { MessageScroller } from './MessageScroller.tsx'
import { useLine } from './useLine.ts'

export interface MessageListProps {
  conv: Conversation
  talk: Talk
  /** Something lies over it: nothing is read now. */
  covered: boolean
  /** The message whose receipts are looked at. */
  receiptsOf: number | undefined
  onReceipts: (seq: number) => void
}

/** The messages of a conversation, or why there are none to see. */
export function MessageList(props: MessageListProps) {
  const { conv, talk } = props
  const t = useText()
  const { me } = useChats()
  const calendar = useCalendar()
  const { stretch, newAfter, failed, said, generation } = useTalkState(talk, state => state)
  const { pending } = conv
  const rows = useMemo(
    () => (stretch ? rowsOf(stretch, { me, pending, newAfter, dayOf: calendar.dayOf }) : []),
    [stretch, me, pending, newAfter, calendar],
  )
  if (failed?.part === 'whole') {
    return (
      <div className="messages">
        <Failed error={failed.error} again={() => void talk.again()} />
      </div>
    )
  }
  if (!stretch) return <WaitingMessages />
  return (
    <div className="messages">
      {rows.length === 0 ? (
        <Empty title={t('chat.messages.none')} />
      ) : (
        <MessageScroller key={generation} {...props} stretch={stretch} rows={rows} />
      )}
      <Announcement said={said} />
    </div>
  )
}

/** Says what others have just written, to those who hear the page. */
function Announcement({ said }: { said: Event | undefined }) {
  const t = useText()
  const { me } = useChats()
  const author = usePerson(said?.by)
  const message = said && messageOf(said, me)
  const text = useLine(message)
  return (
    <div className="visually-hidden" aria-live="polite">
      {text && author && t('chat.said', { name: author.name, text })}
    </div>
  )
}

/** Bubbles of common sizes, until the messages are there. */
export function WaitingMessages() {
  const t = useText()
  return (
    <div className="messages messages-waiting" role="status" aria-label={t('loading')}>
      {[4, 7, 5, 9, 3, 6, 8].map((size, number) => (
        <span
          key={size}
          aria-hidden="true"
          className={`talk-bar talk-bar-${size}${number % 3 === 2 ? ' talk-bar-mine' : ''}`}
        />
      ))}
    </div>
  )
}
