import type { ConvRules, ConvRulesChange } from '@carillon/client'
import { type Key, useText } from '../texts/language.tsx'
import { Select } from '../ui/Field.tsx'

type Right = keyof ConvRules

const RIGHTS: readonly { right: Right; label: Key }[] = [
  { right: 'mention_all', label: 'chat.rules.mention' },
  { right: 'ding_all', label: 'chat.rules.ding' },
]

/** Who may call everybody; what `limit` forbids cannot be allowed. */
export function RulesFields({
  rules,
  limit,
  onChange,
}: {
  rules: ConvRules
  limit?: ConvRules
  /** The right that is changed. */
  onChange: (change: ConvRulesChange) => void
}) {
  const t = useText()
  return RIGHTS.map(({ right, label }) => {
    const isLimited = limit?.[right] === 'owners'
    return (
      <Select
        key={right}
        label={t(label)}
        {...(isLimited && { hint: t('chat.rules.limited') })}
        disabled={isLimited}
        value={isLimited ? 'owners' : (rules[right] ?? 'members')}
        onChange={event =>
          onChange({ [right]: event.target.value === 'owners' ? 'owners' : 'members' })
        }
      >
        <option value="members">{t('chat.rules.members')}</option>
        <option value="owners">{t('chat.rules.owners')}</option>
      </Select>
    )
  })
}
