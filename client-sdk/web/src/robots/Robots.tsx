import type { BotGranted, BotRobot } from '@carillon/client'
import {
  Bot,
  CalendarClock,
  EllipsisVertical,
  KeyRound,
  ListChecks,
  Pencil,
  Plus,
  Trash2,
} from 'lucide-react'
import { type Dispatch, type SetStateAction, useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Address } from './Address.tsx'
import { Calls } from './Calls.tsx'
import { RobotForm } from './RobotForm.tsx'
import './robots.css'
import { Schedules } from './Schedules.tsx'

type Doing =
  | { what: 'add' }
  | { what: 'change' | 'schedules' | 'calls' | 'rotate' | 'remove'; robot: BotRobot }
  | { what: 'address'; name: string; granted: BotGranted; keyword?: string }
  | undefined

/** The robots of a group; its owner adds and changes them. */
export default function Robots({
  conv,
  owner,
  onClose,
}: {
  conv: Conversation
  owner: boolean
  onClose: () => void
}) {
  const t = useText()
  const client = useClient()
  const loaded = useLoad(() => client.call('bot.list', { conv: conv.id }), conv.id)
  const [doing, setDoing] = useState<Doing>()
  const done = () => {
    setDoing(undefined)
    loaded.again()
  }
  return (
    <Dialog
      title={t('robots')}
      onClose={onClose}
      actions={
        owner && (
          <Button look="primary" icon={<Plus />} onClick={() => setDoing({ what: 'add' })}>
            {t('robots.add')}
          </Button>
        )
      }
    >
      <p className="soft">{t('robots.what')}</p>
      <Fetched loaded={loaded}>
        {({ robots }) =>
          robots.length === 0 ? (
            <Empty icon={<Bot />} title={t('robots.none')}>
              {!owner && <p>{t('robots.owner')}</p>}
            </Empty>
          ) : (
            <ul className="robots">
              {robots.map(robot => (
                <RobotRow key={robot.robot} robot={robot} owner={owner} onDo={setDoing} />
              ))}
            </ul>
          )
        }
      </Fetched>
      <Done conv={conv} doing={doing} onDo={setDoing} onDone={done} />
    </Dialog>
  )
}

function RobotRow({
  robot,
  owner,
  onDo,
}: {
  robot: BotRobot
  owner: boolean
  onDo: (doing: Doing) => void
}) {
  const t = useText()
  const { name } = robot
  const items: MenuItem[] = [
    {
      what: 'schedules',
      label: t('schedules'),
      icon: <CalendarClock />,
      danger: false,
    } as const,
    { what: 'calls', label: t('robots.calls'), icon: <ListChecks />, danger: false } as const,
    { what: 'change', label: t('robots.change'), icon: <Pencil />, danger: false } as const,
    { what: 'rotate', label: t('robots.rotate'), icon: <KeyRound />, danger: false } as const,
    { what: 'remove', label: t('robots.remove'), icon: <Trash2 />, danger: true } as const,
  ].map(({ what, ...item }) => ({ ...item, onSelect: () => onDo({ what, robot }) }))
  return (
    <li className="robot">
      <Avatar id={robot.user} name={name} />
      <bdi className="robot-name">{name}</bdi>
      {!robot.enabled && <span className="robot-off">{t('robots.off')}</span>}
      {owner && (
        <Menu label={t('robots.more', { name })} icon={<EllipsisVertical />} items={items} />
      )}
    </li>
  )
}

/** The dialog of what is being done. */
function Done({
  conv,
  doing,
  onDo,
  onDone,
}: {
  conv: Conversation
  doing: Doing
  onDo: Dispatch<SetStateAction<Doing>>
  onDone: () => void
}) {
  const t = useText()
  const client = useClient()
  if (doing === undefined) return null
  if (doing.what === 'address') return <Address {...doing} onClose={onDone} />
  if (doing.what === 'add') {
    return (
      <RobotForm
        conv={conv}
        onClose={() => onDo(undefined)}
        onDone={granted => onDo({ what: 'address', ...granted })}
      />
    )
  }
  const { robot, what } = doing
  const { name } = robot
  if (what === 'schedules')
    return <Schedules conv={conv.id} robot={robot} onClose={() => onDo(undefined)} />
  if (what === 'calls') return <Calls robot={robot} onClose={() => onDo(undefined)} />
  if (what === 'change') {
    return (
      <RobotForm
        conv={conv}
        robot={robot}
        onClose={() => onDo(undefined)}
        onDone={granted =>
          granted.granted.secret ? onDo({ what: 'address', ...granted }) : onDone()
        }
      />
    )
  }
  if (what === 'rotate') {
    return (
      <Confirm
        title={t('robots.rotate')}
        action={t('robots.rotate')}
        onConfirm={async () => {
          const granted = await client.call('bot.rotate', { robot: robot.robot })
          const keyword = robot.rules?.keywords?.[0]
          onDo({ what: 'address', name, granted, ...(keyword ? { keyword } : {}) })
        }}
        // Unless the new address has taken its place.
        onClose={() => onDo(now => (now === doing ? undefined : now))}
      >
        <p>{t('robots.rotate.ask', { name })}</p>
      </Confirm>
    )
  }
  return (
    <Confirm
      title={t('robots.remove')}
      action={t('robots.remove')}
      onConfirm={() => client.call('bot.remove', { robot: robot.robot })}
      onClose={onDone}
    >
      <p>{t('robots.remove.ask', { name })}</p>
    </Confirm>
  )
}
