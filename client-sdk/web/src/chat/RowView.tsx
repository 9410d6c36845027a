import type { ConvId, UserId } from '@carillon/client'
import { memo, useCallback } from 'react'
import type { Calendar } from '../model/calendar.ts'
import type { Row } from '../model/rows.ts'
import type { Talk } from '../model/talk.ts'
import { useText } from '../texts/language.tsx'
import { ChangeRow } from './ChangeRow.tsx'
import { MessageRow } from './MessageRow.tsx'
import type { Sight } from './useSight.ts'

/** What all rows of a list have in common. */
export interface Shown {
  conv: ConvId
  me: UserId
  talk: Talk
  calendar: Calendar
  sight: Sight
  onReceipts: (seq: number) => void
}

export interface RowViewProps {
  row: Row
  shown: Shown
  /** The time by which days are named. */
  today: number
  /** Whether it takes part in the order of tabs. */
  tabbable: boolean
  /** Whether only two people talk, so that nobody has to be named. */
  direct: boolean
}

/** A row of the list. Rows are made anew with every event: drawn again are those that differ. */
export const RowView = memo(
  function RowView({ row, shown, today, tabbable, direct }: RowViewProps) {
    if (row.kind === 'day') return <DayRow at={row.at} calendar={shown.calendar} today={today} />
    if (row.kind === 'new') return <NewRow sight={shown.sight} />
    if (row.kind === 'change') return <ChangeRow event={row.event} shown={shown} />
    const { message, first } = row
    return (
      <MessageRow
        message={message}
        first={first}
        shown={shown}
        tabbable={tabbable}
        direct={direct}
      />
    )
  },
  (before, now) => sameRow(before.row, now.row) && sameRest(before, now),
)

function sameRest(before: RowViewProps, now: RowViewProps): boolean {
  return (
    before.shown === now.shown &&
    before.today === now.today &&
    before.tabbable === now.tabbable &&
    before.direct === now.direct
  )
}

function sameRow(before: Row, now: Row): boolean {
  if (before.kind === 'message' && now.kind === 'message') {
    return before.message === now.message && before.first === now.first
  }
  return before.kind === now.kind && before.key === now.key
}

function DayRow({ at, calendar, today }: { at: number; calendar: Calendar; today: number }) {
  return (
    <div className="entry entry-day">
      <span>{calendar.day(at, today)}</span>
    </div>
  )
}

function NewRow({ sight }: { sight: Sight }) {
  const t = useText()
  const watch = useCallback(
    (element: HTMLElement | null) => {
      if (element) return sight.watchNew(element)
    },
    [sight],
  )
  return (
    <div className="entry entry-new" ref={watch}>
      <span>{t('chat.new.here')}</span>
    </div>
  )
}
