import { type DingPolicyQuiet, LIMITS, newId } from '@carillon/client'
import { Plus, Trash2 } from 'lucide-react'
import { useRef } from 'react'
import { useText } from '../texts/language.tsx'
import { Button, IconButton } from '../ui/Button.tsx'
import { QuietFields } from './QuietFields.tsx'
import { NIGHT } from './quiet.ts'

/** The quiet hours of a policy of its own; none, those of the organisation. */
export function OwnQuiet(props: {
  quiet: readonly DingPolicyQuiet[]
  onChange: (quiet: DingPolicyQuiet[]) => void
}) {
  const { quiet, onChange } = props
  const t = useText()
  // They have no names: what is drawn goes by the order in which they were made.
  const keys = useRef(quiet.map(() => newId()))
  const add = () => {
    keys.current = [...keys.current, newId()]
    onChange([...quiet, NIGHT])
  }
  const remove = (at: number) => {
    keys.current = keys.current.filter((_, index) => index !== at)
    onChange(quiet.filter((_, index) => index !== at))
  }
  return (
    <fieldset className="choice own-quiet">
      <legend>{t('policies.quiet')}</legend>
      <p className="field-hint">{t('policies.quiet.hint')}</p>
      {quiet.map((hours, at) => (
        <fieldset key={keys.current[at]} className="policy-step">
          <legend>{t('policies.quiet.of', { number: at + 1 })}</legend>
          <QuietFields
            quiet={hours}
            onChange={changed =>
              onChange(quiet.map((old, index) => (index === at ? changed : old)))
            }
          />
          <IconButton
            className="policy-step-remove"
            label={t('policies.quiet.remove', { number: at + 1 })}
            icon={<Trash2 />}
            onClick={() => remove(at)}
          />
        </fieldset>
      ))}
      {quiet.length < LIMITS.DING_QUIET_MAX && (
        <Button icon={<Plus />} onClick={add}>
          {t('policies.quiet.add')}
        </Button>
      )}
    </fieldset>
  )
}
