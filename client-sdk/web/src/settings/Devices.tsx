import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { type Device, DeviceRow } from './DeviceRow.tsx'

const ENDED = ['session.ended'] as const

/** Where the person is signed in, and the way to end that. */
export function Devices() {
  const t = useText()
  const client = useClient()
  const listed = useLoad(() => client.call('session.devices', {}), 'devices')
  useChanges(ENDED, listed.again)
  const [leaving, setLeaving] = useState<Device[]>()
  const signOut = async (devices: Device[]) => {
    for (const { session } of devices) await client.call('session.revoke', { session })
    listed.again()
  }
  return (
    <Section title={t('settings.devices')} hint={t('settings.devices.hint')}>
      <Fetched loaded={listed}>
        {({ devices }) => {
          const others = devices.filter(device => !device.current)
          return (
            <>
              <ul className="devices">
                {devices.map(device => (
                  <DeviceRow
                    key={device.session}
                    device={device}
                    onLeave={() => setLeaving([device])}
                  />
                ))}
              </ul>
              {others.length > 1 && (
                <div className="form-actions">
                  <Button look="danger" onClick={() => setLeaving(others)}>
                    {t('settings.devices.others')}
                  </Button>
                </div>
              )}
            </>
          )
        }}
      </Fetched>
      {leaving && (
        <Confirm
          title={t('settings.devices.leave')}
          action={t('settings.devices.out')}
          onConfirm={() => signOut(leaving)}
          onClose={() => setLeaving(undefined)}
        >
          <p>{t('settings.devices.leave.words', { count: leaving.length })}</p>
        </Confirm>
      )}
    </Section>
  )
}
