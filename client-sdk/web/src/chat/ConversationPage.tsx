import { CarillonError, type ConvId } from '@carillon/client'
import { ArrowLeft, Info } from 'lucide-react'
import { lazy, Suspense, useEffect, useState } from 'react'
import { Link } from 'wouter'
import { Failed } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { useTitle } from '../app/title.ts'
import { DingButton } from '../ding/DingButton.tsx'
import type { Left } from '../model/chats.ts'
import type { Conversation } from '../model/conversation.ts'
import {
  useChats,
  useChatsState,
  useConversation,
  useOnline,
  usePerson,
  useTalk,
} from '../model/hooks.ts'
import type { Person } from '../model/people.ts'
import { MeetButton } from '../rooms/MeetButton.tsx'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Composer } from './Composer.tsx'
import './conversation.css'
import { MessageList, WaitingMessages } from './MessageList.tsx'
import { LiveAvatar } from './Online.tsx'
import { useIsSheet } from './panels.ts'
import { useTitleOf } from './titles.ts'

const Receipts = lazy(() => import('./Receipts.tsx'))
const Details = lazy(() => import('./Details.tsx'))

/** The conversation at an address, if the person is in it. */
export function ConversationPage({ id }: { id: ConvId }) {
  const t = useText()
  const conv = useConversation(id)
  const left = useChatsState(state => state.left.get(id))
  const listed = useChatsState(state => state.state !== 'loading')
  if (conv) return <Open conv={conv} />
  if (left) return <Gone left={left} />
  if (listed) return <Unlisted id={id} />
  return (
    <section className="talk" aria-label={t('loading')}>
      <header className="talk-head" />
      <WaitingMessages />
    </section>
  )
}

/** Not in the list: it was opened a moment ago, or it is not the person's. */
function Unlisted({ id }: { id: ConvId }) {
  const t = useText()
  const chats = useChats()
  const loaded = useLoad(() => chats.fetch(id), id)
  if (loaded.state === 'failed') {
    const { error, again } = loaded
    if (isNowhere(error)) return <Nowhere title={t('chat.missing')} />
    return (
      <section className="talk">
        <Failed error={error} again={again} />
      </section>
    )
  }
  return (
    <section className="talk" aria-label={t('loading')}>
      <header className="talk-head" />
      <WaitingMessages />
    </section>
  )
}

/** Whether there is no such conversation for this person; an address may be anything. */
function isNowhere(error: unknown): boolean {
  const code = error instanceof CarillonError ? error.code : undefined
  return code === 'E_NOT_FOUND' || code === 'E_NOT_MEMBER' || code === 'E_BAD_ARG'
}

function Gone({ left }: { left: Left }) {
  const t = useText()
  const { me } = useChats()
  const by = usePerson(left.by === me ? undefined : left.by)
  const sentence = by
    ? t('chat.left.by', { name: by.name, title: left.title })
    : t('chat.left', { title: left.title })
  return <Nowhere title={sentence} />
}

function Nowhere({ title }: { title: string }) {
  const t = useText()
  return (
    <section className="talk">
      <Empty title={title}>
        <Link to="/">{t('chat.home')}</Link>
      </Empty>
    </section>
  )
}

/** What stands beside the messages. */
type Beside = { panel: 'details' } | { panel: 'receipts'; seq: number } | undefined

function Open({ conv }: { conv: Conversation }) {
  const t = useText()
  const talk = useTalk(conv.id)
  const [beside, setBeside] = useState<Beside>()
  const isSheet = useIsSheet()
  const title = useTitleOf(conv)
  const peer = usePerson(conv.peer)
  useTitle(title)
  // What is unread is marked as it was when the conversation was opened.
  // biome-ignore lint/correctness/useExhaustiveDependencies: not again with every message
  useEffect(() => {
    talk.open(conv)
    return () => talk.close()
  }, [talk])
  const close = () => setBeside(undefined)
  return (
    <div className={beside && !isSheet ? 'talk-and-panel' : 'talk-alone'}>
      <section className="talk" aria-label={title}>
        <Header
          conv={conv}
          peer={peer}
          title={title}
          onDetails={() => setBeside({ panel: 'details' })}
        />
        <MessageList
          conv={conv}
          talk={talk}
          covered={isSheet && beside !== undefined}
          receiptsOf={beside?.panel === 'receipts' ? beside.seq : undefined}
          onReceipts={seq => setBeside({ panel: 'receipts', seq })}
        />
        {peer && !peer.active ? (
          <p className="talk-closed" role="status">
            {t('chat.peer.left', { name: peer.name })}
          </p>
        ) : (
          <Composer id={conv.id} talk={talk} title={title} />
        )}
      </section>
      <Suspense fallback={null}>
        {beside?.panel === 'details' && <Details conv={conv} talk={talk} onClose={close} />}
        {beside?.panel === 'receipts' && (
          <Receipts key={beside.seq} talk={talk} conv={conv} seq={beside.seq} onClose={close} />
        )}
      </Suspense>
    </div>
  )
}

function Header({
  conv,
  peer,
  title,
  onDetails,
}: {
  conv: Conversation
  peer: Person | undefined
  title: string
  onDetails: () => void
}) {
  const t = useText()
  const online = useOnline(conv.peer)
  const { me } = useChats()
  const left = peer && !peer.active
  const of = left ? t('people.left') : (peer?.title ?? '')
  const under = conv.kind === 'group' ? t('chat.members', { count: conv.members }) : of
  return (
    <header className="talk-head">
      <Link to="/" className="talk-back icon-button" aria-label={t('back')} title={t('back')}>
        <ArrowLeft aria-hidden="true" />
      </Link>
      <LiveAvatar user={conv.peer} id={conv.peer ?? conv.id} name={conv.title} />
      <div className="talk-name">
        <h1>
          <bdi>{title}</bdi>
        </h1>
        <p>
          {online && <span className="online-word">{t('people.online')}</span>}
          {online && under && ' · '}
          <bdi>{under}</bdi>
        </p>
      </div>
      {!left && conv.peer !== me && <DingButton to={{ kind: 'conv', id: conv.id, name: title }} />}
      {!left && <MeetButton conv={conv.id} />}
      <IconButton
        label={conv.kind === 'group' ? t('chat.details') : t('chat.details.direct')}
        icon={<Info />}
        onClick={onDetails}
      />
    </header>
  )
}
