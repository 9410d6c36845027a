import type { Reply } from '@carillon/client'
import { type Attempt, Attempts } from '../alerts/Attempts.tsx'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'

/** How many are shown at first: what is asked is mostly about today. */
const PAGE = 5

/** What was sent to this person outside of the app, and what became of it. */
export function Delivered() {
  const t = useText()
  const client = useClient()
  return (
    <Section title={t('delivered')} hint={t('delivered.hint')}>
      <Attempts
        label={t('delivered')}
        load={async below => told(await client.call('notify.log.mine', { limit: PAGE, ...below }))}
        of="mine"
        useHead={useTitles}
      />
    </Section>
  )
}

/** Without the vendors' own words, which are for those who set the vendors up. */
function told(log: Reply<'notify.log.mine'>): Reply<'notify.log.mine'> {
  return { ...log, attempts: log.attempts.map(({ why: _, ...attempt }) => attempt) }
}

/** What each said. */
function useTitles() {
  return (attempt: Attempt) => attempt.title ?? '…'
}
