import type { Reply } from '@carillon/client'
import { Bell, Mail, MessageSquare, Phone } from 'lucide-react'
import { useState } from 'react'
import { useTask } from '../app/form.tsx'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { NAMES, OUTCOMES } from './outcomes.ts'

const CHANNELS = [
  { channel: 'push', icon: <Bell /> },
  { channel: 'email', icon: <Mail /> },
  { channel: 'sms', icon: <MessageSquare /> },
  { channel: 'call', icon: <Phone /> },
] as const

type Channel = (typeof CHANNELS)[number]['channel']

/** Sends something to whoever presses, and says what happened. */
export function Trial() {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const [tried, setTried] = useState<Channel>()
  const [result, setResult] = useState<Reply<'notify.settings.test'>>()
  const send = (channel: Channel) => {
    setTried(channel)
    setResult(undefined)
    return task.run(async () => setResult(await client.call('notify.settings.test', { channel })))
  }
  const isGood = result?.outcome === 'accepted' || result?.outcome === 'delivered'
  return (
    <Section title={t('ways.test')} hint={t('ways.test.hint')}>
      <div className="form-actions">
        {CHANNELS.map(({ channel, icon }) => (
          <Button
            key={channel}
            icon={icon}
            busy={task.busy && tried === channel}
            disabled={task.busy}
            onClick={() => void send(channel)}
          >
            {t(NAMES[channel])}
          </Button>
        ))}
      </div>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      {result && tried && (
        <Banner tone={isGood ? 'good' : 'attention'}>
          <p>
            {t('ways.tested', { channel: t(NAMES[tried]), outcome: t(OUTCOMES[result.outcome]) })}
          </p>
          {result.why && <bdi className="soft">{result.why}</bdi>}
        </Banner>
      )}
    </Section>
  )
}
