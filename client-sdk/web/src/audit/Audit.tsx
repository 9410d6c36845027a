import type { Args, AuditRow } from '@carillon/client'
import { ScrollText } from 'lucide-react'
import { useEffect, useMemo } from 'react'
import { useSearchParams } from 'wouter'
import { useStore } from 'zustand'
import { Failed } from '../app/Fetched.tsx'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import type { Calendar } from '../model/calendar.ts'
import { useCalendar, useToday } from '../model/hooks.ts'
import { type Listed, Pages } from '../model/pages.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import './audit.css'
import { Download } from './Download.tsx'
import { Entry } from './Entry.tsx'
import { Filters } from './Filters.tsx'
import { argsOf, filterIn } from './filter.ts'
import { type Names, type Naming, useNames, useNaming } from './names.ts'

/** Who administered what, the newest first. */
export function Audit() {
  const t = useText()
  const calendar = useCalendar()
  const [address] = useSearchParams()
  const filter = useMemo(() => filterIn(address), [address])
  const args = useMemo(() => argsOf(filter, calendar), [filter, calendar])
  const isFiltered = Object.keys(args).length > 0
  const naming = useNaming()
  const keep = <Download args={args} naming={naming} />
  return (
    <Page title={t('admin.audit')} phoneBack="/admin" actions={keep}>
      <p className="soft">{t('audit.words')}</p>
      <Filters filter={filter} isFiltered={isFiltered} />
      <Log args={args} naming={naming} calendar={calendar} isFiltered={isFiltered} />
    </Page>
  )
}

const NONE: readonly AuditRow[] = []

/** The rows of a filter so far, and the way to older ones. */
function useRows(args: Args<'audit.list'>): Listed<AuditRow> & { pages: Pages<AuditRow> } {
  const client = useClient()
  const pages = useMemo(
    () =>
      new Pages<AuditRow>(async after => {
        const below = after ? { below: after.n } : {}
        const { rows, more } = await client.call('audit.list', { ...args, ...below })
        return { items: rows, more }
      }),
    [client, args],
  )
  useEffect(() => void pages.next(), [pages])
  return { ...useStore(pages.list), pages }
}

function Log({
  args,
  naming,
  calendar,
  isFiltered,
}: {
  args: Args<'audit.list'>
  naming: Naming
  calendar: Calendar
  isFiltered: boolean
}) {
  const t = useText()
  const { items = NONE, more, loading, error, pages } = useRows(args)
  const names = useNames(items, naming)
  if (error !== undefined && items.length === 0) {
    return <Failed error={error} again={() => void pages.next()} />
  }
  if (items.length === 0) {
    if (loading || more) return <Skeleton lines={6} />
    const title = t(isFiltered ? 'audit.noneFound' : 'audit.none')
    return <Empty icon={<ScrollText />} title={title} />
  }
  return (
    <section className="audit" aria-label={t('audit.list')} aria-busy={loading}>
      <Days rows={items} names={names} calendar={calendar} />
      {error !== undefined && <Failed error={error} again={() => void pages.next()} />}
      {error === undefined && more && (
        <Button className="audit-older" busy={loading} onClick={() => void pages.next()}>
          {t('audit.older')}
        </Button>
      )}
    </section>
  )
}

function Days({
  rows,
  names,
  calendar,
}: {
  rows: readonly AuditRow[]
  names: Names
  calendar: Calendar
}) {
  const today = useToday(calendar)
  return byDay(rows, calendar).map(ofDay => {
    const [first] = ofDay
    return (
      first && (
        <section key={first.n} className="audit-day">
          <h2>{calendar.day(first.at, today)}</h2>
          <ol>
            {ofDay.map(row => (
              <Entry key={row.n} row={row} names={names} calendar={calendar} />
            ))}
          </ol>
        </section>
      )
    )
  })
}

/** Rows of one day that follow each other; a clock that was set back begins a day anew. */
function byDay(rows: readonly AuditRow[], { dayOf }: Calendar): AuditRow[][] {
  const days: AuditRow[][] = []
  for (const row of rows) {
    const last = days.at(-1)
    const before = last?.at(-1)
    if (last && before && dayOf(before.at) === dayOf(row.at)) last.push(row)
    else days.push([row])
  }
  return days
}
