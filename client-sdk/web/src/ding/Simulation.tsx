import { CarillonError, type DingSend, type DingSimulated } from '@carillon/client'
import { useEffect, useState } from 'react'
import { useDebounced } from '../app/debounced.ts'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { type Text, useLanguage, useText } from '../texts/language.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { type Draft, sendOf } from './draft.ts'
import { meaning } from './meaning.ts'
import { useMoment } from './moments.ts'
import { usePolicies } from './Policies.tsx'
import { planSentences, skipSentences } from './sentences.ts'
import { money } from './spell.ts'
import { useSpeech } from './useSpeech.ts'

/** What would happen, asked while one writes; what was known last stays until more is. */
export function useSimulation(draft: Draft): Simulation {
  const client = useClient()
  // What it says changes nothing about whom it reaches.
  const asked = useDebounced(JSON.stringify(sendOf({ ...draft, text: '' })))
  const nobody = draft.to.length === 0
  const loaded = useLoad(async () => {
    if (nobody) return undefined
    return client.call('ding.simulate', { ding: JSON.parse(asked) as DingSend })
  }, `${nobody} ${asked}`)
  const simulated = useLast(loaded.state === 'there' ? loaded.value : undefined)
  if (nobody) return { state: 'nobody' }
  if (loaded.state === 'failed') return { state: 'failed', error: loaded.error }
  return simulated ? { state: 'there', simulated } : { state: 'loading' }
}

export type Simulation =
  | { state: 'nobody' | 'loading' }
  | { state: 'failed'; error: unknown }
  | { state: 'there'; simulated: DingSimulated }

/** Whom the alert would reach when, through what, and what it would cost. */
export function SimulationPanel({
  simulation,
  policy,
}: {
  simulation: Simulation
  policy: Draft['policy']
}) {
  const t = useText()
  const policies = usePolicies()
  const all = policies.state === 'there' ? policies.value : undefined
  const rules = all?.policies.find(one => one.policy === (policy ?? all.first))?.rules
  return (
    <section className="ding-simulation" aria-label={t('ding.plan')}>
      <h2>{t('ding.plan')}</h2>
      {simulation.state === 'nobody' && <p className="soft">{t('ding.plan.nobody')}</p>}
      {simulation.state === 'loading' && <Skeleton lines={3} />}
      {simulation.state === 'failed' && <p>{refusal(t, simulation.error)}</p>}
      {simulation.state === 'there' && <Plan simulated={simulation.simulated} rules={rules} />}
    </section>
  )
}

/** Why nothing would happen, in the words of the form. */
function refusal(t: Text, error: unknown): string {
  const meant = error instanceof CarillonError ? meaning(error) : undefined
  return meant ? t(meant.key) : failure(t, error)
}

/** The same in a line, where the button to send it is. */
export function Summary({ simulation }: { simulation: Simulation }) {
  const t = useText()
  const language = useLanguage()
  if (simulation.state !== 'there') return null
  const { recipients, cost, currency } = simulation.simulated
  const people = t('ding.plan.people', { count: recipients })
  const most = cost > 0 && t('ding.plan.all', { cost: money(cost, currency, language) })
  return <p className="ding-summary">{most ? `${people} · ${most}` : people}</p>
}

/** What was known last stays until more is. */
function useLast(value: DingSimulated | undefined): DingSimulated | undefined {
  const [last, setLast] = useState(value)
  useEffect(() => {
    if (value) setLast(value)
  }, [value])
  return value ?? last
}

function Plan({
  simulated,
  rules,
}: {
  simulated: DingSimulated
  rules: Parameters<typeof planSentences>[2]
}) {
  const t = useText()
  const speech = useSpeech()
  const moment = useMoment()
  const { recipients, cost, currency, next = [] } = simulated
  return (
    <>
      <p className="ding-plan-people">{t('ding.plan.people', { count: recipients })}</p>
      <ol>
        {planSentences(speech, simulated, rules).map(sentence => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      {skipSentences(t, simulated).map(sentence => (
        <p key={sentence} className="soft">
          {sentence}
        </p>
      ))}
      {cost > 0 && <p>{t('ding.plan.all', { cost: money(cost, currency, speech.language) })}</p>}
      {next.length > 0 && (
        <p>{t('ding.plan.next', { times: next.map(moment).join(t('ding.then')) })}</p>
      )}
    </>
  )
}
