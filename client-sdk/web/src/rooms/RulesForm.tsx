import type { RoomRules } from '@carillon/client'
import { type Key, useText } from '../texts/language.tsx'
import { Check } from '../ui/Field.tsx'
import { useMeeting, useView } from './hooks.ts'

const RULES: readonly (readonly [keyof RoomRules, Key])[] = [
  ['locked', 'rooms.rule.locked'],
  ['waiting', 'rooms.rule.waiting'],
  ['microphones', 'rooms.rule.microphones'],
  ['cameras', 'rooms.rule.cameras'],
  ['screens', 'rooms.rule.screens'],
]

/** Who may come in, and what members may send. It holds at once. */
export function RulesForm() {
  const t = useText()
  const meeting = useMeeting()
  const rules = useView(view => view.head.rules)
  const change = (rule: keyof RoomRules, holds: boolean) =>
    void meeting.try(() => meeting.room.update({ rules: { ...rules, [rule]: holds } }))
  return (
    <fieldset className="rules">
      <legend>{t('rooms.rules')}</legend>
      {RULES.map(([rule, label]) => (
        <Check
          key={rule}
          label={t(label)}
          checked={rules[rule]}
          onChange={event => change(rule, event.target.checked)}
        />
      ))}
    </fieldset>
  )
}
