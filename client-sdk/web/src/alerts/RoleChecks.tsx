import type { Role, RoleId } from '@carillon/client'
import { roleName } from '../admin/roles.ts'
import { useText } from '../texts/language.tsx'
import { Check } from '../ui/Field.tsx'

/** With which roles one may do something; administrators may it anyway. */
export function RoleChecks(props: {
  label: string
  roles: readonly Role[]
  chosen: readonly RoleId[]
  onChange: (chosen: RoleId[]) => void
}) {
  const { label, roles, chosen, onChange } = props
  const t = useText()
  return (
    <fieldset className="choice">
      <legend>{label}</legend>
      <p className="field-hint">{t('dingRules.admins')}</p>
      {roles.map(role => (
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
    </fieldset>
  )
}
