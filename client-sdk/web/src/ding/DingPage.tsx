import type { Ding, DingId } from '@carillon/client'
import { useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page, Section } from '../app/Page.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Answer } from './Answer.tsx'
import { type Answering, keyOf } from './alerts.ts'
import { Board } from './Board.tsx'
import { Content } from './Content.tsx'
import { useAlerts } from './hooks.ts'
import { stateOf } from './Lists.tsx'
import { mayAnswer } from './tally.ts'
import { useDingChanges } from './useDingChanges.ts'

/** An alert in full: its sender sees how it stands, a recipient what they answered. */
export function DingPage({ id }: { id: DingId }) {
  const t = useText()
  const client = useClient()
  const me = useMe().user
  const loaded = useLoad(() => client.call('ding.get', { ding: id }), id)
  useDingChanges(loaded.again, id)
  return (
    <Page title={t('ding.alert')} back="/ding">
      <Fetched loaded={loaded}>
        {ding => (
          <>
            {ding.by === me && <Board ding={ding} changed={loaded.again} />}
            <Section title={t('ding.what')}>
              <Content ding={ding} />
            </Section>
            {ding.mine && <Mine ding={ding} changed={loaded.again} />}
          </>
        )}
      </Fetched>
    </Page>
  )
}

/** What the person has answered, or may still. */
function Mine({ ding, changed }: { ding: Ding; changed: () => void }) {
  const t = useText()
  const client = useClient()
  const { answers } = useAlerts()
  const [answering, setAnswering] = useState<Answering>()
  const { mine } = ding
  const answer = async (work: () => Promise<unknown>) => {
    setAnswering({ state: 'sending' })
    try {
      await work()
      answers.forget(keyOf(ding))
      setAnswering(undefined)
      changed()
    } catch (error) {
      setAnswering({ state: 'failed', error })
    }
  }
  const whose = mine?.others ? { others: true } : { instead_of: mine?.instead_of }
  return (
    <Section title={t('ding.mine')}>
      <Banner tone={mine?.state === 'confirmed' ? 'good' : 'plain'}>{stateOf(t, ding)}</Banner>
      {mine?.reply && <p>{t('ding.said', { words: mine.reply })}</p>}
      {mine && ding.recalled_at === undefined && mayAnswer(mine.state) && (
        <Answer
          ding={ding}
          answering={answering}
          onConfirm={reply =>
            answer(() => client.call('ding.confirm', { ding: ding.ding, reply, ...whose }))
          }
          onDecline={reason =>
            answer(() => client.call('ding.decline', { ding: ding.ding, reason }))
          }
        />
      )}
    </Section>
  )
}
