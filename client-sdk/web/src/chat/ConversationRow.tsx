import type { ConvId } from '@carillon/client'
import { AtSign, Clock3, TriangleAlert } from 'lucide-react'
import { memo } from 'react'
import { Link } from 'wouter'
import type { Calendar } from '../model/calendar.ts'
import { activeAt, type Conversation, mentioned, unread } from '../model/conversation.ts'
import { useChats, useConversation, usePerson } from '../model/hooks.ts'
import { messageOf, messageOfPending } from '../model/message.ts'
import { useText } from '../texts/language.tsx'
import { LiveAvatar, OnlineWord } from './Online.tsx'
import { useTitleOf } from './titles.ts'
import { instead, useLine } from './useLine.ts'

/** A larger number tells nobody more. */
const BADGE_MAX = 99

export interface ConversationRowProps {
  id: ConvId
  current: boolean
  /** Whether it takes part in the order of tabs. */
  tabbable: boolean
  calendar: Calendar
  /** The time by which days are named. */
  today: number
  onFocus: (id: ConvId) => void
}

/** One conversation in the list. */
export const ConversationRow = memo(function ConversationRow(props: ConversationRowProps) {
  const conv = useConversation(props.id)
  return conv ? <Row {...props} conv={conv} /> : <div className="conv" />
})

function Row({
  conv,
  current,
  tabbable,
  calendar,
  today,
  onFocus,
}: ConversationRowProps & { conv: Conversation }) {
  const title = useTitleOf(conv)
  const isNew = unread(conv) > 0
  return (
    <Link
      to={`/c/${conv.id}`}
      className={isNew ? 'conv conv-new' : 'conv'}
      aria-current={current ? 'page' : undefined}
      tabIndex={tabbable ? 0 : -1}
      data-conv={conv.id}
      onFocus={() => onFocus(conv.id)}
    >
      <LiveAvatar user={conv.peer} id={conv.peer ?? conv.id} name={conv.title} />
      <span className="conv-words">
        <span className="conv-line">
          <bdi className="conv-title">{title}</bdi>
          <OnlineWord user={conv.peer} />
          <time className="conv-time" dateTime={new Date(activeAt(conv)).toISOString()}>
            {calendar.short(activeAt(conv), today)}
          </time>
        </span>
        <span className="conv-line">
          <LastLine conv={conv} />
          <Marks conv={conv} />
        </span>
      </span>
    </Link>
  )
}

/** What was said last, and by whom where that is not clear. */
function LastLine({ conv }: { conv: Conversation }) {
  const t = useText()
  const { me } = useChats()
  const waiting = conv.pending.at(-1)
  const newest = waiting ? messageOfPending(waiting, me) : conv.last && messageOf(conv.last, me)
  const author = usePerson(newest && newest.by !== me && !conv.peer ? newest.by : undefined)
  const line = useLine(newest)
  if (!newest) return <span className="conv-last">{t('chat.nothing.said')}</span>
  const text = (line ?? t(instead(newest))).replaceAll(/\s+/g, ' ').slice(0, 200)
  const said =
    newest.by === me
      ? t('chat.you.said', { text })
      : author
        ? t('chat.they.said', { name: author.name, text })
        : text
  return <bdi className="conv-last">{said}</bdi>
}

/** What wants attention. */
function Marks({ conv }: { conv: Conversation }) {
  const t = useText()
  const count = unread(conv)
  const refused = conv.pending.some(pending => pending.refused)
  const waits = conv.pending.some(pending => !pending.landing)
  return (
    <span className="conv-marks">
      {refused && (
        <TriangleAlert className="danger" role="img" aria-label={t('chat.row.refused')} />
      )}
      {!refused && waits && <Clock3 role="img" aria-label={t('chat.row.waiting')} />}
      {mentioned(conv) && (
        <AtSign className="attention" role="img" aria-label={t('chat.mentioned')} />
      )}
      {count > 0 && (
        <span className="badge">
          <span aria-hidden="true">{count > BADGE_MAX ? `${BADGE_MAX}+` : count}</span>
          <span className="visually-hidden">{t('chat.unread', { count })}</span>
        </span>
      )}
    </span>
  )
}
