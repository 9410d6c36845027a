import { BellRing, Copy, EllipsisVertical, Eye, RotateCcw, Trash2 } from 'lucide-react'
import { lazy, memo, Suspense, useCallback, useState } from 'react'
import { useClient } from '../app/workspace.ts'
import { useDingAbout } from '../ding/about.ts'
import { usePerson } from '../model/hooks.ts'
import type { Message } from '../model/message.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import { copy } from './copy.ts'
import { MessageState } from './MessageState.tsx'
import type { Shown } from './RowView.tsx'
import { refusalOf, retry } from './refused.ts'
import { Words } from './Words.tsx'

/** Most messages are texts. Whoever cannot fetch the rest reads the words of it. */
const Rich = lazy(() => import('../card/Rich.tsx').catch(() => ({ default: Plain })))

function Plain({ message, shown }: { message: Message; shown: Shown }) {
  return <Words message={message} me={shown.me} />
}

export interface MessageRowProps {
  message: Message
  /** Whether it shows who says it. */
  first: boolean
  shown: Shown
  tabbable: boolean
  direct: boolean
}

/** A message: others' on the left, one's own on the right. */
export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { message, first, shown, tabbable, direct } = props
  const { me, sight } = shown
  const { seq, by } = message
  const mine = by === me
  // Most rows scroll by without anybody wanting their menu.
  const [near, setNear] = useState(false)
  const watch = useCallback(
    (element: HTMLElement | null) => {
      if (element && seq !== undefined) return sight.watch(element, seq, mine)
    },
    [sight, seq, mine],
  )
  const named = first && !mine
  const classes = [
    'entry',
    'message',
    mine && 'mine',
    first && 'first',
    named && !direct && 'named',
  ]
  return (
    <article
      ref={watch}
      className={classes.filter(Boolean).join(' ')}
      data-key={message.key}
      tabIndex={tabbable ? 0 : -1}
      onPointerEnter={() => setNear(true)}
      onFocus={() => setNear(true)}
    >
      {!mine && <span className="message-face">{first && <Face user={by} />}</span>}
      <div className="message-body">
        <Head message={message} shown={shown} visible={named && !direct} />
        <div className="message-line">
          <div className={bubble(message, me)}>
            {message.rich ? (
              <Suspense fallback={<Words message={message} me={me} />}>
                <Rich message={message} rich={message.rich} shown={shown} />
              </Suspense>
            ) : (
              <Words message={message} me={me} />
            )}
          </div>
          <div className="message-side">
            {mine ? (
              <MessageState message={message} shown={shown} />
            ) : (
              <Time message={message} shown={shown} />
            )}
            {near && <MessageMenu message={message} shown={shown} />}
          </div>
        </div>
        {message.state === 'refused' && <Refusal message={message} />}
      </div>
    </article>
  )
})

function bubble({ mentions, everybody, by }: Message, me: string): string {
  const isForMe = by !== me && (everybody || mentions.includes(me))
  return isForMe ? 'bubble bubble-for-me' : 'bubble'
}

function Face({ user }: { user: string }) {
  const person = usePerson(user)
  return <Avatar id={user} name={person?.name ?? ''} />
}

/** Who says it: for the ear always, for the eye where somebody else begins to speak. */
function Head({ message, shown, visible }: { message: Message; shown: Shown; visible: boolean }) {
  const t = useText()
  const mine = message.by === shown.me
  const person = usePerson(mine ? undefined : message.by)
  const name = mine ? t('chat.you') : (person?.name ?? t('chat.someone'))
  return (
    <p className={visible ? 'message-head' : 'visually-hidden'}>
      <bdi className="message-name">{name}</bdi>
      {person?.app && <span className="message-robot">{t('chat.robot')}</span>}
    </p>
  )
}

export function Time({ message, shown }: { message: Message; shown: Shown }) {
  const { calendar } = shown
  return (
    <time
      className="message-time"
      dateTime={new Date(message.at).toISOString()}
      title={calendar.full(message.at)}
    >
      {calendar.time(message.at)}
    </time>
  )
}

function MessageMenu({ message, shown }: { message: Message; shown: Shown }) {
  const t = useText()
  const { text, seq } = message
  const items: MenuItem[] = []
  const ding = useDingAbout(shown.conv)
  if (text !== undefined) {
    items.push({ label: t('chat.copy'), icon: <Copy />, onSelect: () => void copy(t, text) })
  }
  if (seq !== undefined) {
    const onSelect = () => shown.onReceipts(seq)
    items.push({ label: t('chat.who.read'), icon: <Eye />, onSelect })
    const icon = <BellRing />
    items.push({ label: t('ding.about.menu'), icon, onSelect: () => ding.about(seq, text) })
    items.push({ label: t('ding.unread.menu'), icon, onSelect: () => ding.unread(seq, text) })
  }
  if (items.length === 0) return null
  return (
    <span className="message-menu">
      <Menu label={t('chat.menu')} icon={<EllipsisVertical />} items={items} />
    </span>
  )
}

/** Why the server does not take it, and what can be done. */
function Refusal({ message }: { message: Message }) {
  const t = useText()
  const client = useClient()
  const { cid, refused, text = '' } = message
  if (!cid || !refused) return null
  const reason = failure(t, refusalOf(refused))
  return (
    <div className="message-refusal">
      <p>{t('chat.refused', { reason })}</p>
      <Button look="quiet" icon={<RotateCcw />} onClick={() => void retry(client, t, cid)}>
        {t('chat.again')}
      </Button>
      <Button look="quiet" icon={<Copy />} onClick={() => void copy(t, text)}>
        {t('chat.copy')}
      </Button>
      <Button look="quiet" icon={<Trash2 />} onClick={() => void client.discard(cid)}>
        {t('chat.discard')}
      </Button>
    </div>
  )
}
