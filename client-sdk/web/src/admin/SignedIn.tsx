import { CarillonError, type OrgMember } from '@carillon/client'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { type Device, DeviceRow } from '../settings/DeviceRow.tsx'
import { useText } from '../texts/language.tsx'
import { toast } from '../ui/Toast.tsx'

/** Where a person is signed in, and the way to end that: a phone was lost, or shared. */
export function SignedIn({ member: { user, name } }: { member: OrgMember }) {
  const t = useText()
  const client = useClient()
  const listed = useLoad(() => client.call('session.devices', { user }), user)
  const [leaving, setLeaving] = useState<Device>()
  // Whoever may administer more than oneself is none of one's business.
  if (listed.state === 'failed' && isCode(listed.error, 'E_FORBIDDEN')) return null
  const signOut = async ({ session }: Device) => {
    try {
      await client.call('session.revoke', { session })
    } catch (error) {
      // It has ended by itself.
      if (!isCode(error, 'E_NOT_FOUND')) throw error
    }
    listed.again()
    toast('good', t('person.devices.done', { name }))
  }
  return (
    <Section title={t('person.devices')} hint={t('person.devices.hint')}>
      <Fetched loaded={listed}>
        {({ devices }) =>
          devices.length === 0 ? (
            <p className="soft">{t('person.devices.none')}</p>
          ) : (
            <ul className="devices" aria-label={t('person.devices')}>
              {devices.map(device => (
                <DeviceRow
                  key={device.session}
                  device={device}
                  onLeave={() => setLeaving(device)}
                />
              ))}
            </ul>
          )
        }
      </Fetched>
      {leaving && (
        <Confirm
          title={`${t('settings.devices.out')} · ${name}`}
          action={t('settings.devices.out')}
          onConfirm={() => signOut(leaving)}
          onClose={() => setLeaving(undefined)}
        >
          <p>{t('settings.devices.leave.words', { count: 1 })}</p>
        </Confirm>
      )}
    </Section>
  )
}

function isCode(error: unknown, code: CarillonError['code']): boolean {
  return error instanceof CarillonError && error.code === code
}
