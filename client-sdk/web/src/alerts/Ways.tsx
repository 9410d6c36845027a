import type { Reply } from '@carillon/client'
import { Link } from 'wouter'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import './alerts.css'
import { MailServer } from './MailServer.tsx'
import { Prices } from './Prices.tsx'
import { Providers } from './Providers.tsx'
import type { WaysSet } from './providers.ts'
import { Trial } from './Trial.tsx'

export type Ways = Reply<'notify.settings.get'>

/** What parts of the page change of the settings; the rest stays as it is. */
export type SaveWays = (part: Partial<WaysSet>) => Promise<void>

/** Who carries e-mails, text messages and calls. */
export function WaysPage() {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('notify.settings.get', {}), 'ways')
  return (
    <Page title={t('ways')} phoneBack="/admin">
      <p className="soft">{t('ways.what')}</p>
      <Fetched loaded={loaded}>
        {ways => {
          const save: SaveWays = async part => {
            await client.call('notify.settings.set', { ...ways.settings, ...part })
            loaded.again()
          }
          return (
            <>
              <MailServer mail={ways.settings.mail} onSave={save} />
              <Providers ways={ways} onSave={save} />
              <Prices settings={ways.settings} onSave={save} />
              <Trial />
              <p>
                <Link to="/admin/ways/log">{t('log.see')}</Link>
              </p>
            </>
          )
        }}
      </Fetched>
    </Page>
  )
}
