import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Check } from '../ui/Field.tsx'
import { useDraft } from './draft.ts'
import { ownQuiet, policyName, policySentences } from './sentences.ts'
import { useSpeech } from './useSpeech.ts'

/** The ways to reach people, each in sentences. */
export function Policies({ error }: { error: string | undefined }) {
  const t = useText()
  const speech = useSpeech()
  const loaded = usePolicies()
  const { policy, urgent } = useDraft()
  if (loaded.state !== 'there') return null
  const { policies, first } = loaded.value
  const chosen = policy ?? first
  return (
    <fieldset className="ding-policies" aria-invalid={error ? true : undefined} tabIndex={-1}>
      <legend>{t('ding.policy')}</legend>
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
      {policies.map(one => (
        <Check
          key={one.policy}
          type="radio"
          name="ding-policy"
          label={policyName(t, one)}
          hint={[...policySentences(speech, one.rules), ownQuiet(speech, one.rules)]
            .filter(Boolean)
            .join(t('ding.then'))}
          checked={one.policy === chosen}
          onChange={() =>
            useDraft.setState({ policy: one.policy === first ? undefined : one.policy })
          }
        />
      ))}
      <Check
        label={t('ding.urgent')}
        hint={t('ding.urgent.hint')}
        checked={urgent}
        onChange={event => useDraft.setState({ urgent: event.target.checked })}
      />
    </fieldset>
  )
}

/** The policies of the organisation. */
export function usePolicies() {
  const client = useClient()
  return useLoad(() => client.call('ding.policy.list', {}), 'policies')
}
