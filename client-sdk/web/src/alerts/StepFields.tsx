import { Trash2 } from 'lucide-react'
import { CHANNELS } from '../ding/sentences.ts'
import { spell } from '../ding/spell.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { useLanguage, useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { Select } from '../ui/Field.tsx'
import { AFTER_S, APART_S, withChosen } from './moments.ts'
import { NAMES } from './outcomes.ts'
import type { Rules } from './Policies.tsx'
import type { Duty } from './useNames.ts'

type Step = Rules['steps'][number]
type Whom = NonNullable<Step['whom']>

const TIMES = [1, 2, 3, 4, 5] as const
const EVERY_S = 300
/** How the list says that it is a certain rota. */
const DUTY = 'duty:'

/**
 * One step of a policy: when, through what, whom, how often. The first is always at once, in the
 * app, for the recipient: the server takes no other.
 */
export function StepFields(props: {
  number: number
  step: Step
  duties: readonly Duty[]
  onChange: (step: Step) => void
  onRemove?: () => void
}) {
  const { number, step, duties, onChange, onRemove } = props
  const t = useText()
  const language = useLanguage()
  const { times = 1, every_s = EVERY_S } = step
  return (
    <fieldset className="policy-step">
      <legend>{t('policies.step', { number })}</legend>
      {number === 1 ? (
        <p className="policy-step-first">{t('policies.step.first')}</p>
      ) : (
        <>
          <Select
            label={t('policies.when')}
            value={step.after_s}
            onChange={event => onChange({ ...step, after_s: Number(event.target.value) })}
          >
            {withChosen(AFTER_S, step.after_s).map(after => (
              <option key={after} value={after}>
                {after === 0
                  ? t('ding.atonce')
                  : t('ding.after', { time: spell(after * 1000, language) })}
              </option>
            ))}
          </Select>
          <Select
            label={t('policies.channel')}
            value={step.channel}
            onChange={event =>
              onChange({ ...step, channel: event.target.value as Step['channel'] })
            }
          >
            {(Object.keys(CHANNELS) as Step['channel'][]).map(channel => (
              <option key={channel} value={channel}>
                {t(NAMES[channel])}
              </option>
            ))}
          </Select>
          <WhomFields
            whom={step.whom}
            duties={duties}
            onChange={whom => onChange({ ...step, whom })}
          />
        </>
      )}
      <Select
        label={t('policies.times')}
        value={times}
        onChange={event => onChange({ ...step, times: Number(event.target.value), every_s })}
      >
        {TIMES.map(count => (
          <option key={count} value={count}>
            {t('policies.times.of', { count })}
          </option>
        ))}
      </Select>
      {times > 1 && (
        <Select
          label={t('policies.apart')}
          value={every_s}
          onChange={event => onChange({ ...step, every_s: Number(event.target.value) })}
        >
          {withChosen(APART_S, every_s).map(apart => (
            <option key={apart} value={apart}>
              {spell(apart * 1000, language)}
            </option>
          ))}
        </Select>
      )}
      {onRemove && (
        <IconButton
          className="policy-step-remove"
          label={t('policies.step.remove', { number })}
          icon={<Trash2 />}
          onClick={onRemove}
        />
      )}
    </fieldset>
  )
}

/** Whom a step reaches. */
function WhomFields(props: {
  whom: Whom | undefined
  duties: readonly Duty[]
  onChange: (whom: Whom) => void
}) {
  const { whom = { kind: 'recipient' }, duties, onChange } = props
  const t = useText()
  const chosen = whom.kind === 'on_duty' ? DUTY + whom.duty : whom.kind
  const choose = (value: string) => {
    if (value.startsWith(DUTY)) onChange({ kind: 'on_duty', duty: value.slice(DUTY.length) })
    else if (value === 'user') onChange({ kind: 'user', user: '' })
    else onChange({ kind: value as 'recipient' | 'manager' | 'manager_above' | 'deputy' })
  }
  return (
    <>
      <Select
        label={t('policies.whom')}
        value={chosen}
        onChange={event => choose(event.target.value)}
      >
        <option value="recipient">{t('policies.whom.recipient')}</option>
        <option value="manager">{t('policies.whom.manager')}</option>
        <option value="manager_above">{t('policies.whom.above')}</option>
        <option value="deputy">{t('policies.whom.deputy')}</option>
        {duties.map(({ duty, rota }) => (
          <option key={duty} value={DUTY + duty}>
            {t('policies.whom.duty', { duty: rota.name })}
          </option>
        ))}
        <option value="user">{t('policies.whom.user')}</option>
      </Select>
      {whom.kind === 'user' && (
        <PersonPicker
          label={t('policies.whom.who')}
          value={whom.user || undefined}
          onChange={user => onChange({ kind: 'user', user: user ?? '' })}
        />
      )}
    </>
  )
}
