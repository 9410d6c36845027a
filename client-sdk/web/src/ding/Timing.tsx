import { useState } from 'react'
import { useMe } from '../app/workspace.ts'
import { instantOf, wallOf } from '../rooms/instant.ts'
import { type Key, useLanguage, useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'
import { Check, Field, Select } from '../ui/Field.tsx'
import { useDraft } from './draft.ts'
import {
  DAYS,
  type Day,
  dayOf,
  type Every,
  MONTH_DAY_MAX,
  proposed,
  type Repeat,
} from './repeat.ts'
import { spell } from './spell.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** How long people may be given to answer. */
const WITHIN = [15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, 24 * HOUR_MS]

const MONTH_DAYS = Array.from({ length: MONTH_DAY_MAX }, (_, index) => index + 1)

const EVERY: Record<Every, Key> = {
  never: 'ding.repeat.never',
  day: 'ding.repeat.day',
  workday: 'ding.repeat.workday',
  week: 'ding.repeat.week',
  month: 'ding.repeat.month',
}

/** When it comes, whether it comes again, and until when an answer is asked for. */
export function Timing({ error }: { error: string | undefined }) {
  const t = useText()
  const language = useLanguage()
  const within = useDraft(draft => draft.within)
  return (
    <>
      <Begin error={error} />
      <Again />
      <Select
        label={t('ding.within')}
        value={within ?? ''}
        onChange={event => {
          const ms = Number(event.target.value)
          useDraft.setState({ within: ms > 0 ? ms : undefined })
        }}
      >
        <option value="">{t('ding.within.none')}</option>
        {WITHIN.map(ms => (
          <option key={ms} value={ms}>
            {spell(ms, language)}
          </option>
        ))}
      </Select>
    </>
  )
}

function Begin({ error }: { error: string | undefined }) {
  const t = useText()
  const { tz } = useMe()
  const at = useDraft(draft => draft.at)
  const [wall, setWall] = useState(() => wallOf(at ?? Date.now() + HOUR_MS, tz))
  const choose = (next: { date: string; time: string }) => {
    setWall(next)
    useDraft.setState({ at: instantOf(next.date, next.time, tz) })
  }
  const options = [
    { value: 'now', label: t('ding.at.now') },
    { value: 'later', label: t('ding.at.later') },
  ] as const
  return (
    <>
      <Choice
        label={t('ding.at')}
        value={at === undefined ? 'now' : 'later'}
        options={options}
        onChange={value => (value === 'now' ? useDraft.setState({ at: undefined }) : choose(wall))}
      />
      {at !== undefined && (
        <div className="row">
          <div className="grow">
            <Field
              type="date"
              label={t('rooms.later.date')}
              error={error}
              value={wall.date}
              onChange={event =>
                event.target.value && choose({ ...wall, date: event.target.value })
              }
            />
          </div>
          <div className="grow">
            <Field
              type="time"
              label={t('rooms.later.time')}
              value={wall.time}
              onChange={event =>
                event.target.value && choose({ ...wall, time: event.target.value })
              }
            />
          </div>
        </div>
      )}
    </>
  )
}

function Again() {
  const t = useText()
  const { tz } = useMe()
  const { repeat, at } = useDraft()
  const first = dayOf(wallOf(at ?? Date.now(), tz).date)
  const set = (repeat: Repeat) => useDraft.setState({ repeat })
  return (
    <>
      <Select
        label={t('ding.repeat')}
        value={repeat.every}
        onChange={event => set(proposed(event.target.value as Every, first))}
      >
        {Object.entries(EVERY).map(([every, key]) => (
          <option key={every} value={every}>
            {t(key)}
          </option>
        ))}
      </Select>
      {repeat.every === 'week' && (
        <Weekdays on={repeat.on} onChange={on => set({ every: 'week', on })} />
      )}
      {repeat.every === 'month' && (
        <Select
          label={t('ding.repeat.monthday')}
          value={repeat.day}
          onChange={({ target: { value } }) =>
            set({ every: 'month', day: value === 'last' ? 'last' : Number(value) })
          }
        >
          {MONTH_DAYS.map(day => (
            <option key={day} value={day}>
              {day}
            </option>
          ))}
          <option value="last">{t('ding.repeat.last')}</option>
        </Select>
      )}
    </>
  )
}

/** 4 January 2027 is a Monday. */
const MONDAY = Date.UTC(2027, 0, 4)

/** What the days of the week are called. */
export function weekday(day: Day, language: string, style: 'long' | 'short' = 'long'): string {
  const at = MONDAY + DAYS.indexOf(day) * 24 * HOUR_MS
  return new Intl.DateTimeFormat(language, { weekday: style, timeZone: 'UTC' }).format(at)
}

function Weekdays({ on, onChange }: { on: readonly Day[]; onChange: (on: Day[]) => void }) {
  const t = useText()
  const language = useLanguage()
  return (
    <fieldset className="ding-weekdays">
      <legend>{t('ding.repeat.on')}</legend>
      {DAYS.map(day => (
        <Check
          key={day}
          label={weekday(day, language)}
          checked={on.includes(day)}
          // One stays: on no day is never.
          disabled={on.length === 1 && on[0] === day}
          onChange={event =>
            onChange(DAYS.filter(it => (it === day ? event.target.checked : on.includes(it))))
          }
        />
      ))}
    </fieldset>
  )
}
