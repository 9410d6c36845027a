import type { Role, RoleId } from '@carillon/client'
import { roleName } from '../admin/roles.ts'
import { useText } from '../texts/language.tsx'
import { Check } from '../ui/Field.tsx'

/**
 * With which roles one may do something; administrators may it anyway. A role that was removed since
 * stays until it is unticked.
 */
export function RoleChecks(props: {
  label: string
  roles: readonly Role[]
  chosen: readonly RoleId[]
  onChange: (chosen: RoleId[]) => void
}) {
  const { label, roles, chosen, onChange } = props
  const t = useText()
  const others = roles.filter(({ administrator }) => !administrator)
  // Administrators are always there, so without roles it is not known yet which are.
  const removed = chosen.filter(id => roles.length > 0 && !roles.some(({ role }) => role === id))
  if (others.length + removed.length === 0) return null
  return (
    <fieldset className="choice">
      <legend>{label}</legend>
      <p className="field-hint">{t('dingRules.admins')}</p>
      {others.map(role => (
        <Check
          key={role.role}
          label={roleName(t, role)}
          checked={chosen.includes(role.role)}
          onChange={event =>
            onChange(
              event.target.checked
                ? [...chosen, role.role]
                : chosen.filter(other => other !== role.role),
            )
          }
        />
      ))}
      {removed.map(id => (
        <Check
          key={id}
          label={t('roles.removed')}
          checked
          onChange={() => onChange(chosen.filter(other => other !== id))}
        />
      ))}
    </fieldset>
  )
}
