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
        load={below => client.call('notify.log.mine', { limit: PAGE, ...below })}
        of="mine"
        useHead={useTitles}
      />
    </Section>
  )
}

/** What each said. */
function useTitles() {
  return (attempt: Attempt) => attempt.title ?? '…'
}
