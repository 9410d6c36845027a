import type { Client, Reply, RoomId } from '@carillon/client'
import { Link2, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useWhen } from '../app/when.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { CopyLink } from '../ui/CopyLink.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Select } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import './invite.css'

type Known = Reply<'room.links'>['links'][number]
type Made = Reply<'room.link'>

const HOUR_MS = 3_600_000

/** How long a link may work. */
const TIMES = [
  [HOUR_MS, 'guest.link.hour'],
  [24 * HOUR_MS, 'guest.link.day'],
  [7 * 24 * HOUR_MS, 'guest.link.week'],
  [30 * 24 * HOUR_MS, 'guest.link.month'],
] as const

/** For people who come today. */
const USUAL_MS = 24 * HOUR_MS

const meaning: Meaning = ({ code }) => (code === 'E_QUOTA' ? { key: 'guest.link.full' } : undefined)

/** Links by which people without an account knock at a meeting: made, copied and taken back. */
export default function InviteDialog({
  client,
  room,
  onClose,
}: {
  client: Client
  room: RoomId
  onClose: () => void
}) {
  const t = useText()
  const [made, setMade] = useState<Made>()
  const [revoked, setRevoked] = useState<Known>()
  const links = useLoad(() => client.call('room.links', { room }), room)
  const revoke = async (link: string) => {
    await client.call('room.unlink', { link })
    if (made?.link === link) setMade(undefined)
    links.again()
  }
  return (
    <Dialog title={t('guest.link')} onClose={onClose} firm={made !== undefined}>
      <p>{t('guest.link.words')}</p>
      {made ? (
        <Fresh made={made} another={() => setMade(undefined)} />
      ) : (
        <Make
          client={client}
          room={room}
          onMade={made => {
            setMade(made)
            links.again()
          }}
        />
      )}
      <Fetched loaded={links}>
        {({ links }) => links.length > 0 && <List links={links} onRevoke={setRevoked} />}
      </Fetched>
      {revoked && (
        <Confirm
          title={t('guest.link.revoke')}
          action={t('guest.link.revoke')}
          onConfirm={() => revoke(revoked.link)}
          onClose={() => setRevoked(undefined)}
        >
          <p>{t('guest.link.revoke.ask')}</p>
        </Confirm>
      )}
    </Dialog>
  )
}

function Make({
  client,
  room,
  onMade,
}: {
  client: Client
  room: RoomId
  onMade: (made: Made) => void
}) {
  const t = useText()
  const task = useForm([], meaning)
  const [ttl, setTtl] = useState(USUAL_MS)
  const make = () =>
    task.run(async () => onMade(await client.call('room.link', { room, ttl_ms: ttl })))
  return (
    <div className="form">
      {task.rest !== undefined && <Banner tone="danger">{task.rest}</Banner>}
      <Select
        label={t('guest.link.for')}
        value={ttl}
        onChange={event => setTtl(Number(event.target.value))}
      >
        {TIMES.map(([ms, key]) => (
          <option key={ms} value={ms}>
            {t(key)}
          </option>
        ))}
      </Select>
      <Button look="primary" icon={<Link2 />} busy={task.busy} onClick={() => void make()}>
        {t('guest.link.make')}
      </Button>
    </div>
  )
}

/** The link itself, which the server does not say again. */
function Fresh({ made, another }: { made: Made; another: () => void }) {
  const t = useText()
  return (
    <div className="form">
      <CopyLink
        label={t('guest.link.address')}
        hint={t('guest.link.once')}
        link={`${location.origin}/guest#${made.secret}`}
      />
      <Button look="quiet" onClick={another}>
        {t('guest.link.another')}
      </Button>
    </div>
  )
}

function List({ links, onRevoke }: { links: readonly Known[]; onRevoke: (link: Known) => void }) {
  const t = useText()
  const when = useWhen()
  return (
    <section className="invite-links">
      <h3>{t('guest.link.all')}</h3>
      <ul aria-label={t('guest.link.all')}>
        {links.map(one => {
          const until = when.moment(one.expires_at)
          return (
            <li key={one.link} className="invite-link">
              <span className="invite-words">
                <span>{t('guest.link.until', { when: until })}</span>
                <span className="soft">
                  {one.guests === 0
                    ? t('guest.link.unused')
                    : t('guest.link.guests', { count: one.guests })}
                </span>
              </span>
              <Button
                icon={<Trash2 />}
                aria-label={t('guest.link.revoke.one', { when: until })}
                onClick={() => onRevoke(one)}
              >
                {t('guest.link.revoke')}
              </Button>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
