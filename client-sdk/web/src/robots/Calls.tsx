import type { BotDelivery, BotRobot } from '@carillon/client'
import { CircleCheck, CircleX, RefreshCw } from 'lucide-react'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { useWhen } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Empty } from '../ui/Notice.tsx'
import { REFUSALS } from './refusals.ts'

/** The last calls of a robot's address: most programs never say that they were refused. */
export function Calls({ robot, onClose }: { robot: BotRobot; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const id = robot.robot
  const loaded = useLoad(() => client.call('bot.deliveries', { robot: id }), id)
  return (
    <Dialog
      title={t('robots.calls')}
      onClose={onClose}
      actions={
        <Button icon={<RefreshCw />} onClick={loaded.again}>
          {t('robots.calls.again')}
        </Button>
      }
    >
      <Fetched loaded={loaded}>
        {({ deliveries }) =>
          deliveries.length === 0 ? (
            <Empty title={t('robots.calls.none')} />
          ) : (
            <ul className="robots" aria-label={t('robots.calls')}>
              {deliveries.map((delivery, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the list is only ever shown whole
                <Call key={index} delivery={delivery} />
              ))}
            </ul>
          )
        }
      </Fetched>
    </Dialog>
  )
}

function Call({ delivery: { at, from, refused } }: { delivery: BotDelivery }) {
  const t = useText()
  const when = useWhen()
  return (
    <li className={refused ? 'robot robot-refused' : 'robot robot-posted'}>
      {refused ? <CircleX aria-hidden /> : <CircleCheck aria-hidden />}
      <span className="robot-call">
        <span>{refused ? t(REFUSALS[refused.reason]) : t('robots.posted')}</span>
        {refused?.detail && <bdi className="soft robot-detail">{refused.detail}</bdi>}
        <span className="soft">
          <time dateTime={new Date(at).toISOString()}>{when.moment(at)}</time>
          {from && <bdi> {from}</bdi>}
        </span>
      </span>
    </li>
  )
}
