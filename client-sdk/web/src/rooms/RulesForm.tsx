import type { RoomRules } from '@carillon/client'
import { useEffect, useState } from 'react'
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
  // A box shows at once what was chosen; the room says later that it holds.
  const [wanted, setWanted] = useState<RoomRules>()
  const shown = wanted ?? rules
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the room says is what holds
  useEffect(() => setWanted(undefined), [rules])
  const change = async (rule: keyof RoomRules, holds: boolean) => {
    const next = { ...shown, [rule]: holds }
    setWanted(next)
    await meeting.try(async () => {
      try {
        await meeting.room.update({ rules: next })
      } catch (refused) {
        setWanted(undefined)
        throw refused
      }
    })
  }
  return (
    <fieldset className="rules">
      <legend>{t('rooms.rules')}</legend>
      {RULES.map(([rule, label]) => (
        <Check
          key={rule}
          label={t(label)}
          checked={shown[rule]}
          onChange={event => void change(rule, event.target.checked)}
        />
      ))}
    </fieldset>
  )
}
