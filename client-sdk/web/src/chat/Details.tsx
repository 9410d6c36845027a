import type { ConvMember } from '@carillon/client'
import { Bot, LogOut, Megaphone, Pencil, UserPlus } from 'lucide-react'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { useLocation } from 'wouter'
import { useStore } from 'zustand'
import { Confirm } from '../app/Confirm.tsx'
import { Failed } from '../app/Fetched.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { useChats } from '../model/hooks.ts'
import type { Talk } from '../model/talk.ts'
import { Planned } from '../rooms/Planned.tsx'
import { useByName, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Search } from '../ui/Search.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { toast } from '../ui/Toast.tsx'
import { AddMembers } from './AddMembers.tsx'
import { MemberRows } from './MemberRows.tsx'
import { Panel } from './Panel.tsx'
import { Rename } from './Rename.tsx'
import { useTitleOf } from './titles.ts'

const GroupRules = lazy(() => import('./GroupRules.tsx'))
const Robots = lazy(() => import('../robots/Robots.tsx'))

type Doing = 'rename' | 'add' | 'rules' | 'robots' | 'meetings' | 'leave' | undefined

/** What a conversation is, who is in it, and what can be done about that. */
export default function Details({
  conv,
  talk,
  onClose,
}: {
  conv: Conversation
  talk: Talk
  onClose: () => void
}) {
  const t = useText()
  const { me } = useChats()
  const title = useTitleOf(conv)
  const { state, members, error } = useStore(talk.members.list)
  const [doing, setDoing] = useState<Doing>()
  useEffect(() => void talk.members.load(), [talk])
  const isGroup = conv.kind === 'group'
  const isOwner = members.some(({ user, role }) => user === me && role === 'owner')
  const here = useMemo(() => new Set(members.map(({ user }) => user)), [members])
  const done = () => setDoing(undefined)
  return (
    <Panel
      title={isGroup ? t('chat.details') : t('chat.details.direct')}
      busy={doing !== undefined}
      onClose={onClose}
    >
      <div className="details-head">
        <Avatar id={conv.peer ?? conv.id} name={conv.title} size="l" />
        <bdi className="details-title">{title}</bdi>
        {isGroup && <p className="soft">{t('chat.members', { count: conv.members })}</p>}
      </div>
      {isGroup && (
        <div className="details-actions">
          {isOwner && (
            <Button icon={<Pencil />} onClick={() => setDoing('rename')}>
              {t('chat.rename')}
            </Button>
          )}
          {isOwner && (
            <Button icon={<UserPlus />} onClick={() => setDoing('add')}>
              {t('chat.member.add')}
            </Button>
          )}
          {isOwner && (
            <Button icon={<Megaphone />} onClick={() => setDoing('rules')}>
              {t('chat.rules')}
            </Button>
          )}
          <Button icon={<Bot />} onClick={() => setDoing('robots')}>
            {t('robots')}
          </Button>
          <Button look="danger" icon={<LogOut />} onClick={() => setDoing('leave')}>
            {t('chat.leave')}
          </Button>
        </div>
      )}
      <Planned
        conv={conv.id}
        busy={doing === 'meetings'}
        onBusy={busy => setDoing(busy ? 'meetings' : undefined)}
      />
      {state === 'failed' && <Failed error={error} again={() => void talk.members.load()} />}
      {members.length === 0 && state === 'loading' && <Skeleton lines={6} />}
      {members.length > 0 && <Members conv={conv} members={members} removes={isOwner && isGroup} />}
      {doing === 'rename' && <Rename conv={conv} onClose={done} />}
      {doing === 'add' && <AddMembers conv={conv} members={here} onClose={done} />}
      <Suspense>
        {doing === 'rules' && <GroupRules conv={conv} onClose={done} />}
        {doing === 'robots' && <Robots conv={conv} owner={isOwner} onClose={done} />}
      </Suspense>
      {doing === 'leave' && <Leave conv={conv} owner={isOwner} onClose={done} />}
    </Panel>
  )
}

/** A search is of use from so many members on. */
const SEARCHED_MIN = 8

function Members({
  conv,
  members,
  removes,
}: {
  conv: Conversation
  members: readonly ConvMember[]
  removes: boolean
}) {
  const t = useText()
  const byName = useByName()
  const [query, setQuery] = useState('')
  const wanted = query.trim().toLowerCase()
  const found = useMemo(
    () =>
      members
        .filter(({ name }) => name.toLowerCase().includes(wanted))
        .sort((one, other) => rank(one) - rank(other) || byName(one, other)),
    [members, wanted, byName],
  )
  return (
    <>
      {members.length >= SEARCHED_MIN && (
        <Search label={t('chat.member.search')} value={query} onChange={setQuery} />
      )}
      {found.length === 0 ? (
        <p className="talk-hint">{t('chat.member.none')}</p>
      ) : (
        <MemberRows conv={conv} members={found} removes={removes} />
      )}
    </>
  )
}

/** Owners first, and those who left the organisation last. */
function rank({ role, left }: ConvMember): number {
  if (left) return 2
  return role === 'owner' ? 0 : 1
}

function Leave({
  conv,
  owner,
  onClose,
}: {
  conv: Conversation
  owner: boolean
  onClose: () => void
}) {
  const t = useText()
  const { me } = useChats()
  const client = useClient()
  const [, navigate] = useLocation()
  const { title } = conv
  const leave = async () => {
    await client.call('conv.member.remove', { conv: conv.id, users: [me] })
    toast('good', t('chat.leave.done', { title }))
    navigate('/')
  }
  return (
    <Confirm title={t('chat.leave')} action={t('chat.leave')} onConfirm={leave} onClose={onClose}>
      <p>{t('chat.leave.ask', { title })}</p>
      {owner && <p>{t('chat.leave.owner')}</p>}
    </Confirm>
  )
}
