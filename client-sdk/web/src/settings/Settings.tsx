import { Page } from '../app/Page.tsx'
import { useText } from '../texts/language.tsx'
import { Contacts } from './Contacts.tsx'
import { Delivered } from './Delivered.tsx'
import { Devices } from './Devices.tsx'
import { Leaving } from './Leaving.tsx'
import { Look } from './Look.tsx'
import { NewOwnPassword } from './NewOwnPassword.tsx'
import { Profile } from './Profile.tsx'
import { Reached } from './Reached.tsx'
import { Region } from './Region.tsx'
import { Sending } from './Sending.tsx'
import { StandIn } from './StandIn.tsx'

/** What a person decides for themselves. */
export default function Settings() {
  const t = useText()
  return (
    <Page title={t('nav.settings')} width="columns">
      <Profile />
      <Reached />
      <Contacts />
      <Delivered />
      <StandIn />
      <Region />
      <Look />
      <Sending />
      <NewOwnPassword />
      <Devices />
      <Leaving />
    </Page>
  )
}
