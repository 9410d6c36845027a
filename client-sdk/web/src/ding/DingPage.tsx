import type { Ding, DingId } from '@carillon/client'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page, Section } from '../app/Page.tsx'
import { useClient, useMe } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Answer } from './Answer.tsx'
import { Board } from './Board.tsx'
import { Content } from './Content.tsx'
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
  const { mine } = ding
  return (
    <Section title={t('ding.mine')}>
      <Banner tone={mine?.state === 'confirmed' ? 'good' : 'plain'}>{stateOf(t, ding)}</Banner>
      {mine?.reply && <p>{t('ding.said', { words: mine.reply })}</p>}
      {mine && ding.recalled_at === undefined && mayAnswer(mine.state) && (
        <Answer ding={ding} onAnswered={changed} />
      )}
    </Section>
  )
}
