import type { Reply, Role } from '@carillon/client'
import { Copy, Pencil, Plus, Star, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useRoles } from '../admin/roles.ts'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { policyName, policySentences, type Speech } from '../ding/sentences.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import './alerts.css'
import { currencyOf, limitSentences } from './limits.ts'
import { PolicyForm } from './PolicyForm.tsx'
import { type Duty, useDuties, useSpeechOf } from './useNames.ts'

type Listed = Reply<'ding.policy.list'>
export type Policy = Listed['policies'][number]
export type Rules = Policy['rules']

type Doing = { what: 'new' } | { what: 'copy' | 'change' | 'remove'; policy: Policy } | undefined

/** A beginning for a policy of one's own. */
const PLAIN: Rules = {
  name: '',
  steps: [
    { after_s: 0, channel: 'app' },
    { after_s: 0, channel: 'push' },
  ],
  cost_max: 0,
}

/** The ways in which alerts reach people, in sentences. */
export function Policies() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(async () => {
    const [listed, settings] = await Promise.all([
      client.call('ding.policy.list', {}),
      client.call('ding.settings.get', {}),
    ])
    return { listed, currency: currencyOf(settings) }
  }, 'policies')
  const duties = useDuties()
  const [doing, setDoing] = useState<Doing>()
  const done = () => {
    setDoing(undefined)
    loaded.again()
  }
  return (
    <Page
      title={t('policies')}
      phoneBack="/admin"
      actions={
        <Button look="primary" icon={<Plus />} onClick={() => setDoing({ what: 'new' })}>
          {t('policies.add')}
        </Button>
      }
    >
      <p className="soft">{t('policies.what')}</p>
      <Fetched loaded={loaded}>
        {known => <List {...known} duties={duties} onDo={setDoing} onChanged={loaded.again} />}
      </Fetched>
      {doing && <Done doing={doing} duties={duties} onDone={done} />}
    </Page>
  )
}

function List(props: {
  listed: Listed
  currency: string
  duties: readonly Duty[]
  onDo: (doing: Doing) => void
  onChanged: () => void
}) {
  const { listed, currency, duties, onDo, onChanged } = props
  const t = useText()
  const client = useClient()
  const task = useTask()
  const speech = useSpeechOf(peopleIn(listed.policies), duties)
  const roles = useRoles()
  const choose = async ({ policy }: Policy) => {
    await task.run(async () => {
      const settings = await client.call('ding.settings.get', {})
      await client.call('ding.settings.set', { ...settings, first: policy })
    })
    onChanged()
  }
  return (
    <>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <ul className="cards">
        {listed.policies.map(policy => (
          <Card
            key={policy.policy}
            policy={policy}
            first={policy.policy === listed.first}
            speech={speech}
            currency={currency}
            roles={roles}
            onDo={onDo}
            onFirst={() => void choose(policy)}
          />
        ))}
      </ul>
    </>
  )
}

function Card(props: {
  policy: Policy
  first: boolean
  speech: Speech
  currency: string
  roles: readonly Role[]
  onDo: (doing: Doing) => void
  onFirst: () => void
}) {
  const { policy, first, speech, currency, roles, onDo, onFirst } = props
  const t = useText()
  const name = policyName(t, policy)
  const of = { name }
  return (
    <li className="section policy">
      <div className="policy-head">
        <h2>{name}</h2>
        {first && <span className="policy-mark">{t('policies.first')}</span>}
        {policy.builtin && <span className="policy-kind">{t('policies.builtin')}</span>}
      </div>
      <ol className="policy-steps">
        {policySentences(speech, policy.rules).map(sentence => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      <p className="soft">{limitSentences(speech, policy.rules, currency, roles).join(' ')}</p>
      <div className="form-actions">
        {!policy.builtin && (
          <Button
            icon={<Pencil />}
            aria-label={t('policies.change.of', of)}
            onClick={() => onDo({ what: 'change', policy })}
          >
            {t('people.change')}
          </Button>
        )}
        <Button
          icon={<Copy />}
          aria-label={t('policies.copy.of', of)}
          onClick={() => onDo({ what: 'copy', policy })}
        >
          {t('policies.copy')}
        </Button>
        {!first && (
          <Button icon={<Star />} aria-label={t('policies.choose.of', of)} onClick={onFirst}>
            {t('policies.choose')}
          </Button>
        )}
        {!policy.builtin && !first && (
          <Button
            look="danger"
            icon={<Trash2 />}
            aria-label={t('policies.remove.of', of)}
            onClick={() => onDo({ what: 'remove', policy })}
          >
            {t('push.remove')}
          </Button>
        )}
      </div>
    </li>
  )
}

/** The dialog of what is being done. */
function Done(props: {
  doing: Exclude<Doing, undefined>
  duties: readonly Duty[]
  onDone: () => void
}) {
  const { doing, duties, onDone } = props
  const t = useText()
  const client = useClient()
  if (doing.what === 'new') return <PolicyForm rules={PLAIN} duties={duties} onDone={onDone} />
  const { policy, rules } = doing.policy
  const name = policyName(t, doing.policy)
  if (doing.what === 'change') {
    return <PolicyForm policy={policy} rules={rules} duties={duties} onDone={onDone} />
  }
  if (doing.what === 'copy') {
    const copied = { ...rules, name: t('policies.copied', { name }) }
    return <PolicyForm rules={copied} duties={duties} onDone={onDone} />
  }
  return (
    <Confirm
      title={t('policies.remove.of', { name })}
      action={t('push.remove')}
      onConfirm={() => client.call('ding.policy.remove', { policy })}
      onClose={onDone}
    >
      <p>{t('policies.remove.words')}</p>
    </Confirm>
  )
}

/** The people whom policies name. */
export function peopleIn(policies: readonly { rules: Rules }[]): string[] {
  const all = policies.flatMap(({ rules }) => rules.steps)
  return all.flatMap(({ whom }) => (whom?.kind === 'user' ? [whom.user] : []))
}
