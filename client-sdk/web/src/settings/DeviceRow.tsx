import type { Reply } from '@carillon/client'
import { MonitorSmartphone } from 'lucide-react'
import { useWhen } from '../app/when.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import './settings.css'

export type Device = Reply<'session.devices'>['devices'][number]

/** A device on which somebody is signed in; the one before one's eyes is left by its own way. */
export function DeviceRow({ device, onLeave }: { device: Device; onLeave: () => void }) {
  const t = useText()
  const when = useWhen()
  const label = device.label || t('settings.devices.unnamed')
  return (
    <li className="device">
      <MonitorSmartphone aria-hidden="true" />
      <div className="grow">
        <p className="device-name">{label}</p>
        {device.current && <p className="device-this">{t('settings.devices.this')}</p>}
        {!device.current && device.connected && (
          <p className="device-this">{t('settings.devices.connected')}</p>
        )}
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
