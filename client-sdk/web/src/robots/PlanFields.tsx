import { LIMITS } from '@carillon/client'
import { useLanguage, useText } from '../texts/language.tsx'
import { Field, Select } from '../ui/Field.tsx'
import { cronOf, OFTEN, type Often, type Plan } from './cron.ts'
import { dayNames, OFTEN_NAMES } from './planWords.ts'

const DATES = Array.from({ length: 31 }, (_, date) => date + 1)

/** How often, on which day, at what time. */
export function PlanFields(props: {
  plan: Plan
  error: string | undefined
  onChange: (plan: Plan) => void
}) {
  const { plan, error, onChange } = props
  const t = useText()
  const language = useLanguage()
  const choose = (often: Often) => onChange({ ...plan, often, cron: cronOf(plan) })
  return (
    <>
      <Select
        label={t('schedules.often')}
        value={plan.often}
        onChange={event => choose(event.target.value as Often)}
      >
        {OFTEN.map(often => (
          <option key={often} value={often}>
            {t(OFTEN_NAMES[often])}
          </option>
        ))}
      </Select>
      {plan.often === 'weekly' && (
        <Select
          label={t('schedules.weekday')}
          value={plan.weekday}
          onChange={event => onChange({ ...plan, weekday: Number(event.target.value) })}
        >
          {dayNames(language).map((name, day) => (
            <option key={name} value={day}>
              {name}
            </option>
          ))}
        </Select>
      )}
      {plan.often === 'monthly' && (
        <Select
          label={t('schedules.date')}
          {...(plan.date > 28 && { hint: t('schedules.date.hint') })}
          value={plan.date}
          onChange={event => onChange({ ...plan, date: Number(event.target.value) })}
        >
          {DATES.map(date => (
            <option key={date} value={date}>
              {date}
            </option>
          ))}
        </Select>
      )}
      {plan.often === 'own' ? (
        <Field
          label={t('schedules.cron')}
          hint={t('schedules.cron.hint')}
          dir="ltr"
          autoComplete="off"
          spellCheck={false}
          maxLength={LIMITS.CRON_LEN_MAX}
          value={plan.cron}
          error={error}
          onChange={event => onChange({ ...plan, cron: event.target.value })}
        />
      ) : (
        <Field
          label={t('schedules.time')}
          type="time"
          value={plan.time}
          error={error}
          onChange={event => event.target.value && onChange({ ...plan, time: event.target.value })}
        />
      )}
    </>
  )
}
