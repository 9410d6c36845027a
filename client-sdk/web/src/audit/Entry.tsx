import type { AuditRow } from '@carillon/client'
import { ChevronDown, Server, UserRoundX } from 'lucide-react'
import { memo, type ReactNode, useState } from 'react'
import type { Calendar } from '../model/calendar.ts'
import { type Key, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import type { Names } from './names.ts'
import { sentence, whoIn } from './sentences.ts'

/** What was done, by whom, when and from where; opened, all that the log says of it. */
export const Entry = memo(function Entry({
  row,
  names,
  calendar,
}: {
  row: AuditRow
  names: Names
  calendar: Calendar
}) {
  const t = useText()
  const [open, setOpen] = useState(false)
  const { at, what } = row
  const isRefused = what.outcome === 'refused'
  const isServer = !isRefused && whoIn(what) === undefined
  return (
    <li>
      <details className="audit-entry" onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>
          <Face row={row} names={names} />
          <span className="audit-what" dir="auto">
            {sentence(t, what, names)}
            {isRefused && (
              <span className="audit-refused">
                {what.times === 1
                  ? t('audit.refusedOnce')
                  : t('audit.refusedTimes', { times: what.times })}
              </span>
            )}
          </span>
          <span className="audit-where">
            <bdi>{what.address ?? (isServer ? '' : t('audit.noAddress'))}</bdi>
          </span>
          <time dateTime={new Date(at).toISOString()}>{calendar.time(at)}</time>
          <ChevronDown className="audit-more-of-it" aria-hidden />
        </summary>
        {open && <Details row={row} calendar={calendar} />}
      </details>
    </li>
  )
})

function Face({ row: { what }, names }: { row: AuditRow; names: Names }) {
  const who = whoIn(what)
  if (who !== undefined) return <Avatar id={who} name={names.person(who)} size="s" />
  return (
    <span className="audit-face">
      {what.outcome === 'refused' ? <UserRoundX aria-hidden /> : <Server aria-hidden />}
    </span>
  )
}

function Details({ row: { n, at, what }, calendar }: { row: AuditRow; calendar: Calendar }) {
  const t = useText()
  const all: [Key, ReactNode][] = [
    ['audit.detail.number', n],
    ['audit.detail.time', calendar.full(at)],
    ['audit.detail.op', <code key="op">{what.op}</code>],
  ]
  if (what.object) all.push(['audit.detail.object', <code key="object">{what.object}</code>])
  if (what.before) all.push(['audit.detail.before', <code key="before">{what.before}</code>])
  if (what.after) all.push(['audit.detail.after', <code key="after">{what.after}</code>])
  return (
    <dl className="audit-details">
      {all.map(([key, value]) => (
        <div key={key}>
          <dt>{t(key)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
