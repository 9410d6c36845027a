import type { Reply } from '@carillon/client'
import { useEffect, useRef, useState } from 'react'
import { useSession } from '../app/session.ts'
import { useWhenIn } from '../app/when.ts'
import { useEntering, useOwnDevices } from '../rooms/entering.ts'
import { type EnterOptions, Meeting, type Taken } from '../rooms/meeting.ts'
import { Preparing } from '../rooms/Preparing.tsx'
import { placeIn } from '../rooms/place.ts'
import { Door } from '../signin/Door.tsx'
import { failure, fieldOf, Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Field } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import { meantKnocking } from './refusals.ts'
import { begin, grantOf, type Visit } from './visit.ts'

/** Asks the server anything that everybody may, to see how long the way is. */
const touch = () => fetch('/icon.svg', { method: 'HEAD', cache: 'no-store' })

/** Before the door: what meeting it is, who one is, and how one looks and sounds. */
export function Knock({
  secret,
  invitation,
  onEntered,
}: {
  secret: string
  invitation: Reply<'room.look'>
  onEntered: (visit: Visit & { meeting: Meeting }) => void
}) {
  const t = useText()
  const { org, title } = invitation
  const [known] = useState(() => grantOf(secret))
  const [kept] = useState(() => known && placeIn(known.room))
  const [name, setName] = useState(known?.name ?? '')
  const own = useOwnDevices(kept)
  const go = async (taken: Taken, how: EnterOptions) => {
    if (name.trim() === '') throw new Refused('name', 'guest.name.missing')
    const next = await begin(secret, name.trim())
    try {
      const meeting = await Meeting.enter(next.client, next.grant.room, taken, how)
      onEntered({ ...next, meeting })
      return meeting
    } catch (refused) {
      await next.client.close()
      throw meantKnocking(refused)
    }
  }
  const entering = useEntering(own, kept, go, () => {})
  const isOfName = fieldOf(entering.error) === 'name'
  const form = useRef<HTMLFormElement>(null)
  // Who reads what is wrong writes it at once.
  useEffect(() => {
    if (isOfName) form.current?.querySelector('input')?.focus()
  }, [isOfName])
  return (
    <Door title={title ?? t('rooms.meeting')} org={org}>
      <Preparing
        who={{ id: known?.user ?? org, name: name.trim() || t('rooms.role.guest') }}
        own={own}
        entering={isOfName ? { ...entering, error: undefined } : entering}
        action={t('guest.knock')}
        ask={touch}
      >
        <Invited invitation={invitation} />
        <form
          ref={form}
          onSubmit={event => {
            event.preventDefault()
            entering.enter()
          }}
        >
          <Field
            label={t('guest.name')}
            hint={t('guest.name.hint')}
            error={isOfName ? failure(t, entering.error) : undefined}
            value={name}
            autoComplete="name"
            maxLength={100}
            disabled={entering.isUnderWay}
            onChange={event => setName(event.target.value)}
          />
        </form>
      </Preparing>
    </Door>
  )
}

/** Who invites, and when it begins. */
function Invited({ invitation }: { invitation: Reply<'room.look'> }) {
  const t = useText()
  const when = useWhenIn(Intl.DateTimeFormat().resolvedOptions().timeZone)
  const { org, phase, starts_at } = invitation
  const session = useSession()
  return (
    <>
      <p>{t('guest.invited', { org })}</p>
      {phase === 'planned' && starts_at !== undefined && (
        <Banner>{t('guest.planned', { when: when.moment(starts_at) })}</Banner>
      )}
      {session.state === 'in' && (
        <Banner action={<a href="/">{t('guest.member.go')}</a>}>
          {t('guest.member', { name: session.me.name })}
        </Banner>
      )}
    </>
  )
}
