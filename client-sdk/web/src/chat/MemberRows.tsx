import type { ConvMember } from '@carillon/client'
import { EllipsisVertical, MessageSquare, UserMinus } from 'lucide-react'
import { useState } from 'react'
import { VList } from 'virtua'
import { useLocation } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { useChats, usePerson } from '../model/hooks.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import { toast } from '../ui/Toast.tsx'
import { LiveAvatar, OnlineWord } from './Online.tsx'

/** The members of a conversation, as many as there are. */
export function MemberRows({
  conv,
  members,
  removes,
}: {
  conv: Conversation
  members: readonly ConvMember[]
  /** Whether the person may take others out. */
  removes: boolean
}) {
  const t = useText()
  const client = useClient()
  const [removing, setRemoving] = useState<ConvMember>()
  const remove = async (member: ConvMember) => {
    await client.call('conv.member.remove', { conv: conv.id, users: [member.user] })
  }
  return (
    <div className="member-rows">
      <VList className="rows-on-screen" data={members} role="list">
        {(member, index) => (
          // biome-ignore lint/a11y/useSemanticElements: the list draws its own around it
          <div
            key={member.user}
            role="listitem"
            aria-posinset={index + 1}
            aria-setsize={members.length}
          >
            <MemberRow member={member} removes={removes} onRemove={() => setRemoving(member)} />
          </div>
        )}
      </VList>
      {removing && (
        <Confirm
          title={t('chat.member.remove')}
          action={t('chat.member.remove')}
          onConfirm={() => remove(removing)}
          onClose={() => setRemoving(undefined)}
        >
          <p>{t('chat.member.remove.ask', { name: removing.name, title: conv.title })}</p>
        </Confirm>
      )}
    </div>
  )
}

function MemberRow({
  member,
  removes,
  onRemove,
}: {
  member: ConvMember
  removes: boolean
  onRemove: () => void
}) {
  const t = useText()
  const { me } = useChats()
  const client = useClient()
  const [, navigate] = useLocation()
  const { user, role } = member
  const person = usePerson(user)
  const left = person ? !person.active : member.left
  const name = person?.name ?? member.name
  const talk = async () => {
    try {
      navigate(`/c/${(await client.call('conv.open', { user })).conv}`)
    } catch (error) {
      toast('danger', failure(t, error))
    }
  }
  const items: MenuItem[] = []
  if (!left) {
    const label = t('chat.member.talk')
    items.push({ label, icon: <MessageSquare />, onSelect: () => void talk() })
  }
  if (removes) {
    const label = t('chat.member.remove')
    items.push({ label, icon: <UserMinus />, danger: true, onSelect: onRemove })
  }
  return (
    <div className={left ? 'talk-person talk-person-left' : 'talk-person'}>
      <LiveAvatar user={user} id={user} name={name} />
      <span className="talk-person-words">
        <bdi className="talk-person-name">{user === me ? t('chat.self', { name }) : name}</bdi>
        <OnlineWord user={user} />
        {person?.title && <bdi className="soft">{person.title}</bdi>}
      </span>
      {person?.app && <span className="talk-tag">{t('chat.robot')}</span>}
      {left && <span className="talk-tag">{t('people.left')}</span>}
      {role === 'owner' && <span className="talk-tag">{t('chat.owner')}</span>}
      {user !== me && items.length > 0 && (
        <Menu label={t('chat.member.more', { name })} icon={<EllipsisVertical />} items={items} />
      )}
    </div>
  )
}
