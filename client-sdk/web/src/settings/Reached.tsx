import { BellOff, BellRing, Smartphone } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { Section } from '../app/Page.tsx'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { pushState, turnOff, turnOn } from '../push/device.ts'
import { ownDevice } from '../push/own.ts'
import type { PushState } from '../push/state.ts'
import { failure } from '../texts/failure.ts'
import { type Key, useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import './settings.css'

/** Whether alerts reach this device while the app is closed, and which others they reach. */
export function Reached() {
  const t = useText()
  const state = useLoad(pushState, 'push')
  const [turn, setTurn] = useState(0)
  const changed = () => {
    state.again()
    setTurn(turn + 1)
  }
  return (
    <Section title={t('push')} hint={t('push.hint')}>
      <Fetched loaded={state}>{now => <Here state={now} onChanged={changed} />}</Fetched>
      <Others key={turn} onChanged={changed} />
    </Section>
  )
}

const WORDS: Readonly<Record<PushState, Key>> = {
  on: 'push.on',
  off: 'push.off',
  blocked: 'push.blocked',
  blockedApp: 'push.blocked',
  install: 'push.install',
  unsupported: 'push.unsupported',
}

/** What can be done where the button cannot do it. */
const ADVICE: Readonly<Partial<Record<PushState, Key>>> = {
  blocked: 'push.blocked.advice',
  blockedApp: 'push.blocked.app',
  install: 'push.install.advice',
  unsupported: 'push.unsupported.advice',
}

function Here({ state, onChanged }: { state: PushState; onChanged: () => void }) {
  const t = useText()
  const client = useClient()
  const language = useLanguage()
  const task = useTask()
  const advice = ADVICE[state]
  const isOn = state === 'on'
  const change = async () => {
    await task.run(() => (isOn ? turnOff(client) : turnOn(client, language)))
    onChanged()
  }
  return (
    <div className="reached">
      <div className={isOn ? 'reached-state reached-on' : 'reached-state'} role="status">
        {isOn ? <BellRing aria-hidden="true" /> : <BellOff aria-hidden="true" />}
        <p>{t(WORDS[state])}</p>
      </div>
      {advice && <p>{t(advice)}</p>}
      {task.error !== undefined && <Banner tone="danger">{pushFailure(t, task.error)}</Banner>}
      {!advice && (
        <Button
          look={isOn ? 'plain' : 'primary'}
          icon={isOn ? <BellOff /> : <BellRing />}
          busy={task.busy}
          onClick={() => void change()}
        >
          {t(isOn ? 'push.turnOff' : 'push.turnOn')}
        </Button>
      )}
    </div>
  )
}

/** The browser's own push service may refuse, or not be reached. */
function pushFailure(t: ReturnType<typeof useText>, error: unknown): string {
  return error instanceof DOMException ? t('push.refused') : failure(t, error)
}

/** All devices that push messages reach. */
function Others({ onChanged }: { onChanged: () => void }): ReactNode {
  const t = useText()
  const client = useClient()
  const when = useWhen()
  const task = useTask()
  const listed = useLoad(() => client.call('notify.push.list', {}), 'devices')
  const remove = async (id: string) => {
    await task.run(() =>
      id === ownDevice() ? turnOff(client) : client.call('notify.push.unsubscribe', { id }),
    )
    onChanged()
  }
  if (listed.state === 'there' && listed.value.devices.length === 0) return null
  return (
    <>
      <h3>{t('push.devices')}</h3>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <Fetched loaded={listed}>
        {({ devices }) => (
          <ul className="devices">
            {devices.map(({ id, name, since }) => (
              <li key={id} className="device">
                <Smartphone aria-hidden="true" />
                <div className="grow">
                  <p className="device-name">{name}</p>
                  {id === ownDevice() && (
                    <p className="device-this">{t('settings.devices.this')}</p>
                  )}
                  <p className="soft">{t('push.since', { day: when.day(since) })}</p>
                </div>
                <Button
                  aria-label={t('push.remove.of', { name })}
                  busy={task.busy}
                  onClick={() => void remove(id)}
                >
                  {t('push.remove')}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Fetched>
    </>
  )
}
