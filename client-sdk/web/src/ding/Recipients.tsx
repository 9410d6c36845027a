import type { Ding, DingPlanned, DingRecipient, DingTried, UserId } from '@carillon/client'
import { useEffect, useMemo, useState } from 'react'
import { useStore } from 'zustand'
import { Failed } from '../app/Fetched.tsx'
import { useClient } from '../app/workspace.ts'
import { usePerson } from '../model/hooks.ts'
import { Pages } from '../model/pages.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { useMoment } from './moments.ts'
import { CHANNELS } from './sentences.ts'
import { type Group, STATES, WORDS } from './tally.ts'
import { useDingChanges } from './useDingChanges.ts'

/** So many are asked for at once. */
const PAGE = 50

/** Those with whom an alert is equally far; the first list is open, the others a touch away. */
export function Recipients({
  ding,
  group,
  count,
  first,
}: {
  ding: Ding
  group: Group
  count: number
  first: boolean
}) {
  const t = useText()
  const [open, setOpen] = useState(first)
  return (
    <details
      className="ding-group"
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{t('ding.group', { what: t(WORDS[group]), count })}</summary>
      {open && <People ding={ding} group={group} />}
    </details>
  )
}

function People({ ding, group }: { ding: Ding; group: Group }) {
  const t = useText()
  const client = useClient()
  const id = ding.ding
  const pages = useMemo(
    () =>
      new Pages<DingRecipient>(async after => {
        const args = { ding: id, states: STATES[group], limit: PAGE }
        const page = await client.call('ding.status', {
          ...args,
          ...(after && { after: after.user }),
        })
        return { items: page.recipients, more: page.more }
      }),
    [client, id, group],
  )
  const { items, more, loading, error } = useStore(pages.list)
  useEffect(() => void pages.next(), [pages])
  useDingChanges(() => void pages.again(), id, Math.ceil((items?.length || 1) / PAGE))
  if (error !== undefined && !items) {
    return <Failed error={error} again={() => void pages.again()} />
  }
  if (!items) return <Skeleton lines={3} />
  return (
    <>
      <ul>
        {items.map(recipient => (
          <Person key={recipient.user} recipient={recipient} />
        ))}
      </ul>
      {more && (
        <Button busy={loading} onClick={() => void pages.next()}>
          {t('ding.more.people')}
        </Button>
      )}
    </>
  )
}

const STATE: Record<DingRecipient['state'], Key> = {
  queued: 'ding.state.queued',
  delivered: 'ding.state.delivered',
  seen: 'ding.state.seen',
  confirmed: 'ding.state.confirmed',
  declined: 'ding.state.declined',
  expired: 'ding.state.expired',
  recalled: 'ding.state.recalled',
  withdrawn: 'ding.state.withdrawn',
}

/** So many tries are shown of one person, the newest. */
const TRIES_MAX = 4

function Person({ recipient }: { recipient: DingRecipient }) {
  const t = useText()
  const moment = useMoment()
  const { user, name, state, at, late, handled_by, reply, tries, next } = recipient
  return (
    <li className="ding-person">
      <Avatar id={user} name={name} />
      <div className="ding-person-words">
        <p className="ding-row-head">
          <bdi>{name}</bdi>
          <span>
            {t(STATE[state])} {moment(at)}
          </span>
        </p>
        {late && <p className="soft">{t('ding.late')}</p>}
        {handled_by !== undefined && <Handled by={handled_by} />}
        {reply && (
          <p>
            <bdi>{t('ding.said', { words: reply })}</bdi>
          </p>
        )}
        {tries.length > 0 && (
          <ul className="ding-tries">
            {tries.slice(0, TRIES_MAX).map(tried => (
              <Try
                key={`${tried.what.step} ${tried.what.nth} ${tried.what.at} ${tried.what.channel}`}
                tried={tried}
                recipient={user}
              />
            ))}
          </ul>
        )}
        {next && !next.skip && <Next next={next} recipient={user} />}
      </div>
    </li>
  )
}

function Handled({ by }: { by: UserId }) {
  const t = useText()
  const person = usePerson(by)
  return <p>{t('ding.handled', { name: person?.name ?? t('chat.someone') })}</p>
}

const OUTCOMES: Record<DingTried['outcome'], Key> = {
  trying: 'ding.out.trying',
  accepted: 'ding.out.accepted',
  delivered: 'ding.out.delivered',
  failed: 'ding.out.failed',
  cancelled: 'ding.out.cancelled',
  skipped: 'ding.out.skipped',
  unknown: 'ding.out.unknown',
}

const SKIPS: Record<NonNullable<DingPlanned['skip']>, Key> = {
  no_address: 'ding.why.address',
  nobody: 'ding.why.nobody',
  quota: 'ding.why.quota',
  cost: 'ding.why.cost',
  budget: 'ding.why.budget',
}

/** What was tried, when, and what came of it. */
function Try({ tried, recipient }: { tried: DingTried; recipient: UserId }) {
  const t = useText()
  const moment = useMoment()
  const { what, outcome } = tried
  const channel = useChannel(what, recipient)
  const values = { when: moment(what.at), channel, outcome: t(OUTCOMES[outcome]) }
  const why = what.skip ? t(SKIPS[what.skip]) : tried.why
  return <li>{t('ding.tried', values) + (why ? t('ding.why', { why }) : '')}</li>
}

function Next({ next, recipient }: { next: DingPlanned; recipient: UserId }) {
  const t = useText()
  const moment = useMoment()
  const channel = useChannel(next, recipient)
  return <p className="ding-next">{t('ding.next', { when: moment(next.at), channel })}</p>
}

/** Through what, and to whom if that is somebody else. */
function useChannel({ channel, user }: DingPlanned, recipient: UserId): string {
  const t = useText()
  const other = usePerson(user === recipient ? undefined : user)
  const words = t(CHANNELS[channel])
  return other ? t('ding.to.other', { channel: words, name: other.name }) : words
}
