import type { Reply, UserId } from '@carillon/client'
import { CircleAlert, CircleCheck, CircleDashed, CircleX } from 'lucide-react'
import { useState } from 'react'
import { Failed } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import './alerts.css'
import { OUTCOMES } from './outcomes.ts'
import { NAMES } from './StepFields.tsx'
import { useNames } from './useNames.ts'

type Log = Reply<'notify.log'>
type Attempt = Log['attempts'][number]

const ICONS = {
  accepted: CircleCheck,
  delivered: CircleCheck,
  failed: CircleX,
  unreachable: CircleX,
  cancelled: CircleDashed,
  unknown: CircleAlert,
} as const

/** What left the server to reach people, and what became of it. */
export function DeliveryLog() {
  const t = useText()
  const [user, setUser] = useState<UserId>()
  return (
    <Page title={t('log')} back="/admin/ways">
      <PersonPicker label={t('log.who')} value={user} onChange={setUser} />
      <Attempts key={user} user={user} />
    </Page>
  )
}

function Attempts({ user }: { user: UserId | undefined }) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const only = user === undefined ? {} : { user }
  const loaded = useLoad(() => client.call('notify.log', only), user ?? '')
  const [pages, setPages] = useState<Log[]>([])
  const first = loaded.state === 'there' ? [loaded.value] : []
  const all = [...first, ...pages]
  const attempts = all.flatMap(page => page.attempts)
  const nameOf = useNames([...new Set(attempts.map(attempt => attempt.user))])
  const next = all.at(-1)?.next
  const more = () =>
    task.run(async () => {
      const page = await client.call('notify.log', { ...only, ...(next && { before: next }) })
      setPages([...pages, page])
    })
  if (loaded.state === 'loading') return <Skeleton />
  if (loaded.state === 'failed') return <Failed error={loaded.error} again={loaded.again} />
  if (attempts.length === 0) return <Empty title={t('log.none')} />
  return (
    <>
      <ul className="section log" aria-label={t('log')}>
        {attempts.map(attempt => (
          <AttemptRow
            key={`${attempt.key} ${attempt.channel} ${attempt.at}`}
            attempt={attempt}
            name={nameOf(attempt.user) ?? '…'}
          />
        ))}
      </ul>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      {next && (
        <Button busy={task.busy} onClick={() => void more()}>
          {t('log.more')}
        </Button>
      )}
    </>
  )
}

function AttemptRow({ attempt, name }: { attempt: Attempt; name: string }) {
  const t = useText()
  const when = useWhen()
  const { channel, outcome, why, at } = attempt
  const Icon = outcome ? ICONS[outcome] : CircleDashed
  return (
    <li className={`log-row log-${outcome ?? 'waiting'}`}>
      <Icon aria-hidden="true" />
      <div className="grow">
        <p>
          <bdi className="device-name">{name}</bdi> · {t(NAMES[channel])}
        </p>
        <p>{t(outcome ? OUTCOMES[outcome] : 'outcome.waiting')}</p>
        {why && <bdi className="soft log-why">{why}</bdi>}
      </div>
      <time className="soft" dateTime={new Date(at).toISOString()}>
        {when.moment(at)}
      </time>
    </li>
  )
}
