import type { DingPolicyQuiet } from '@carillon/client'
import { useLanguage, useText } from '../texts/language.tsx'
import { Check, Field } from '../ui/Field.tsx'
import './alerts.css'
import { clockOf, minuteOf, weekdays } from './moments.ts'
import { beginsOn, DAYS, daysWith } from './quiet.ts'

interface Props {
  quiet: DingPolicyQuiet
  onChange: (quiet: DingPolicyQuiet) => void
}

/** From when until when, and on which days. */
export function QuietFields({ quiet, onChange }: Props) {
  const t = useText()
  return (
    <>
      <div className="times">
        <Field
          label={t('rotas.from')}
          type="time"
          value={clockOf(quiet.from_min)}
          onChange={event => {
            const from_min = minuteOf(event.target.value)
            if (from_min !== undefined) onChange({ ...quiet, from_min })
          }}
        />
        <Field
          label={t('rotas.until')}
          type="time"
          value={clockOf(quiet.until_min)}
          onChange={event => {
            const until_min = minuteOf(event.target.value)
            if (until_min !== undefined) onChange({ ...quiet, until_min })
          }}
        />
      </div>
      <Weekdays quiet={quiet} onChange={onChange} />
    </>
  )
}

function Weekdays({ quiet, onChange }: Props) {
  const t = useText()
  const names = weekdays(useLanguage(), 'short')
  const { days = [] } = quiet
  return (
    <fieldset className="weekdays">
      <legend>{t('quiet.days')}</legend>
      {DAYS.map(day => (
        <Check
          key={day}
          label={names[day - 1]}
          checked={beginsOn(days, day)}
          // One stays: whoever wants none has no quiet hours.
          disabled={days.length === 1 && days[0] === day}
          onChange={event =>
            onChange({ ...quiet, days: daysWith(days, day, event.target.checked) })
          }
        />
      ))}
    </fieldset>
  )
}
