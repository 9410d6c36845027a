import type { Reply } from '@carillon/client'
import { MonitorSmartphone } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useChanges } from '../app/changes.ts'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import './settings.css'

type Device = Reply<'session.devices'>['devices'][number]

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
                  <Row key={device.session} device={device} onLeave={() => setLeaving([device])} />
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

function Row({ device, onLeave }: { device: Device; onLeave: () => void }) {
  const t = useText()
  const when = useWhen()
  const label = device.label || t('settings.devices.unnamed')
  return (
    <li className="device">
      <MonitorSmartphone aria-hidden="true" />
      <div className="grow">
        <p className="device-name">{label}</p>
        {device.current && <p className="device-this">{t('settings.devices.this')}</p>}
        <p className="soft">
          {t('settings.devices.seen', {
            since: when.day(device.created_at),
            seen: when.moment(device.seen_at),
          })}
        </p>
      </div>
      {!device.current && (
        <Button aria-label={t('settings.devices.outOf', { label })} onClick={onLeave}>
          {t('settings.devices.out')}
        </Button>
      )}
    </li>
  )
}
