import type { UserId } from '@carillon/client'
import { useState } from 'react'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { PersonPicker } from '../people/PersonPicker.tsx'
import { useText } from '../texts/language.tsx'
import { type Attempt, Attempts } from './Attempts.tsx'
import { useNames } from './useNames.ts'

/** What left the server to reach people, and what became of it. */
export function DeliveryLog() {
  const t = useText()
  const client = useClient()
  const [user, setUser] = useState<UserId>()
  const only = user === undefined ? {} : { user }
  return (
    <Page title={t('log')} back="/admin/ways">
      <PersonPicker label={t('log.who')} value={user} onChange={setUser} />
      <Attempts
        key={user}
        className="section"
        label={t('log')}
        load={below => client.call('notify.log', { ...only, ...below })}
        of={user ?? ''}
        useHead={useRecipients}
      />
    </Page>
  )
}

/** Whom each was for. */
function useRecipients(attempts: readonly Attempt[]) {
  const nameOf = useNames([...new Set(attempts.map(attempt => attempt.user))])
  return (attempt: Attempt) => nameOf(attempt.user) ?? '…'
}
