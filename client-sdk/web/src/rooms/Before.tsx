import type { Room } from '@carillon/client'
import { useCallback, useState } from 'react'
import { Page } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { useEntering, useOwnDevices } from './entering.ts'
import { useName, useTitleOf } from './hooks.ts'
import { type EnterOptions, Meeting, type Taken } from './meeting.ts'
import { useNow } from './now.ts'
import { Preparing } from './Preparing.tsx'
import { placeIn } from './place.ts'

/** What is tried before one goes in, and who is there already. */
export function Before({ room }: { room: Room }) {
  const t = useText()
  const me = useMe()
  const client = useClient()
  const title = useTitleOf(room)
  // Whoever loads the page again comes back as they were, without being asked.
  const [kept] = useState(() => placeIn(room.room))
  const own = useOwnDevices(kept)
  const go = async (taken: Taken, how: EnterOptions) => {
    await useNow.getState().meeting?.leave()
    return Meeting.enter(client, room.room, taken, how)
  }
  const entering = useEntering(own, kept, go, meeting => useNow.setState({ meeting }))
  const ask = useCallback(() => client.call('session.whoami', {}), [client])
  return (
    <Page title={title} back={`/c/${room.conv}`} width="text">
      <Preparing
        who={{ id: me.user, name: me.name }}
        own={own}
        entering={entering}
        action={t('rooms.join')}
        ask={ask}
      >
        <State room={room} />
      </Preparing>
    </Page>
  )
}

/** Who is there already, or when it begins. */
function State({ room }: { room: Room }) {
  const t = useText()
  const when = useWhen()
  const me = useMe().user
  const [first, ...others] = room.participants.filter(
    ({ waiting, user }) => !waiting && user !== me,
  )
  if (room.phase === 'planned' && room.starts_at !== undefined && !first) {
    return <p>{t('rooms.planned.for', { when: when.moment(room.starts_at) })}</p>
  }
  if (!first) return <p>{t('rooms.nobody.yet')}</p>
  return (
    <p>
      <There first={first} more={others.length} />
    </p>
  )
}

function There({ first, more }: { first: Room['participants'][number]; more: number }) {
  const t = useText()
  const name = useName(first)
  return more === 0 ? t('rooms.there.one', { name }) : t('rooms.there.more', { name, count: more })
}
