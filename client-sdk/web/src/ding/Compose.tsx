import { BellRing } from 'lucide-react'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { Form, useForm } from '../app/form.tsx'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, TextArea } from '../ui/Field.tsx'
import { Attachments } from './Attachments.tsx'
import './compose.css'
import { intentOf, sendOf, sent, useDraft } from './draft.ts'
import { meaning } from './meaning.ts'
import { Policies } from './Policies.tsx'
import { SimulationPanel, Summary, useSimulation } from './Simulation.tsx'
import { Targets } from './Targets.tsx'
import { Timing } from './Timing.tsx'

/** As many characters as an alert may have. */
const TEXT_MAX = 2_000

/** Writes an alert; beside it stands whom it would reach, when and how. */
export function Compose() {
  const t = useText()
  const client = useClient()
  const [, navigate] = useLocation()
  const form = useForm(['to', 'text', 'at', 'policy'], meaning)
  const draft = useDraft()
  const simulation = useSimulation(draft)
  const send = async () => {
    if (draft.to.length === 0) throw new Refused('to', 'ding.wrong.to')
    if (!draft.text.trim()) throw new Refused('text', 'ding.wrong.text')
    const { ding } = await client.call('ding.send', sendOf(draft), { cid: intentOf(draft) })
    sent(draft)
    // Whoever went elsewhere meanwhile is left there.
    if (location.pathname === '/ding/new') navigate(`/ding/${ding}`, { replace: true })
  }
  return (
    <Page title={t('ding.new')} back="/ding" width="wide">
      <div className="ding-compose">
        <div className="ding-write">
          <Form task={form} onSubmit={send} id="ding-compose">
            <Targets error={form.at('to')} />
            {draft.about && (
              <blockquote className="ding-quoted">
                {draft.about.words || t('ding.about')}
              </blockquote>
            )}
            <TextArea
              label={t('ding.text')}
              error={form.at('text')}
              rows={3}
              maxLength={TEXT_MAX}
              value={draft.text}
              onChange={event => useDraft.setState({ text: event.target.value })}
            />
            <Attachments />
            <More policy={form.at('policy')} at={form.at('at')} />
          </Form>
        </div>
        <SimulationPanel simulation={simulation} policy={draft.policy} />
        <div className="ding-send">
          <Summary simulation={simulation} />
          <Button
            look="primary"
            type="submit"
            form="ding-compose"
            icon={<BellRing />}
            busy={form.busy}
          >
            {draft.at === undefined ? t('ding.send') : t('ding.send.later')}
          </Button>
        </div>
      </div>
    </Page>
  )
}

/** What most alerts need not: it opens by itself where something of it is wrong. */
function More({ policy, at }: { policy: string | undefined; at: string | undefined }) {
  const t = useText()
  const [open, setOpen] = useState(false)
  const reply = useDraft(draft => draft.reply)
  return (
    <details
      className="ding-more"
      open={open || policy !== undefined || at !== undefined}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{t('ding.more')}</summary>
      <div className="ding-more-body">
        <Timing error={at} />
        <Check
          label={t('ding.reply.ask')}
          checked={reply}
          onChange={event => useDraft.setState({ reply: event.target.checked })}
        />
        <Policies error={policy} />
      </div>
    </details>
  )
}
