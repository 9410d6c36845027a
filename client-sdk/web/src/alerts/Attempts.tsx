import type { Reply } from '@carillon/client'
import { CircleAlert, CircleCheck, CircleDashed, CircleX } from 'lucide-react'
import { useState } from 'react'
import { Failed } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useWhen } from '../app/when.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import './alerts.css'
import { NAMES, OUTCOMES } from './outcomes.ts'

type Log = Reply<'notify.log'>
export type Attempt = Log['attempts'][number]

const ICONS = {
  accepted: CircleCheck,
  delivered: CircleCheck,
  failed: CircleX,
  unreachable: CircleX,
  cancelled: CircleDashed,
  unknown: CircleAlert,
} as const

export interface AttemptsProps {
  label: string
  /** A page of them, from the newest or from where another page ended. */
  load: (below: { before?: string }) => Promise<Log>
  /** What stands for what `load` uses. */
  of: string
  /** What a row begins with, for those that are shown. */
  useHead: (attempts: readonly Attempt[]) => (attempt: Attempt) => string
  className?: string
}

/** Attempts to reach people, and what became of them. */
export function Attempts({ label, load, of, useHead, className = '' }: AttemptsProps) {
  const t = useText()
  const task = useTask()
  const loaded = useLoad(() => load({}), of)
  const [pages, setPages] = useState<Log[]>([])
  const first = loaded.state === 'there' ? [loaded.value] : []
  const all = [...first, ...pages]
  const attempts = all.flatMap(page => page.attempts)
  const headOf = useHead(attempts)
  const next = all.at(-1)?.next
  const more = () =>
    task.run(async () => {
      const page = await load(next ? { before: next } : {})
      setPages([...pages, page])
    })
  if (loaded.state === 'loading') return <Skeleton />
  if (loaded.state === 'failed') return <Failed error={loaded.error} again={loaded.again} />
  if (attempts.length === 0) return <Empty title={t('log.none')} />
  return (
    <>
      <ul className={`log ${className}`} aria-label={label}>
        {attempts.map(attempt => (
          <AttemptRow
            key={`${attempt.key} ${attempt.channel} ${attempt.at}`}
            attempt={attempt}
            head={headOf(attempt)}
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

function AttemptRow({ attempt, head }: { attempt: Attempt; head: string }) {
  const t = useText()
  const when = useWhen()
  const { channel, outcome, why, at } = attempt
  const Icon = outcome ? ICONS[outcome] : CircleDashed
  return (
    <li className={`log-row log-${outcome ?? 'waiting'}`}>
      <Icon aria-hidden="true" />
      <div className="grow">
        <p>
          <bdi className="device-name">{head}</bdi> · {t(NAMES[channel])}
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
