import type { UserId } from '@carillon/client'
import { useOnline } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { Avatar, type AvatarProps } from '../ui/Avatar.tsx'
import './online.css'

/** A person's letters, with a dot while the person is online. */
export function LiveAvatar({ user, ...avatar }: AvatarProps & { user: UserId | undefined }) {
  const online = useOnline(user)
  return (
    <span className="live-avatar">
      <Avatar {...avatar} />
      {online && <span className="online-dot" aria-hidden="true" />}
    </span>
  )
}

/** The word that goes with the dot, for who does not see it. */
export function OnlineWord({ user }: { user: UserId | undefined }) {
  const t = useText()
  return useOnline(user) && <span className="visually-hidden">{t('people.online')}</span>
}
