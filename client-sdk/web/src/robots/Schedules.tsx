import type { BotRobot, Reply } from '@carillon/client'
import { CalendarClock, EllipsisVertical, Pause, Pencil, Play, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useWhenIn } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { type Key, useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Menu } from '../ui/Menu.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import { planWords } from './planWords.ts'
import { ScheduleForm } from './ScheduleForm.tsx'

export type Schedule = Reply<'bot.schedule.list'>['schedules'][number]

type Doing = { what: 'add' } | { what: 'change' | 'remove'; schedule: Schedule } | undefined

const STOPPED: Readonly<Record<NonNullable<Schedule['stopped']>, Key>> = {
  denied: 'schedules.stopped.denied',
  conversation: 'schedules.stopped.conversation',
  refused: 'schedules.stopped.refused',
}

/** What a robot posts by itself, and when. */
export function Schedules({ robot, onClose }: { robot: BotRobot; onClose: () => void }) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const of = { robot: robot.robot }
  const loaded = useLoad(() => client.call('bot.schedule.list', of), robot.robot)
  const [doing, setDoing] = useState<Doing>()
  const done = () => {
    setDoing(undefined)
    loaded.again()
  }
  const pause = async ({ schedule, title, cron, says, paused }: Schedule) => {
    const put = { ...of, schedule, title, cron, says, paused: !paused }
    await task.run(() => client.call('bot.schedule.put', put))
    loaded.again()
  }
  return (
    <Dialog
      title={t('schedules.of', { name: robot.name })}
      onClose={onClose}
      actions={
        <Button look="primary" icon={<Plus />} onClick={() => setDoing({ what: 'add' })}>
          {t('schedules.add')}
        </Button>
      }
    >
      <p className="soft">{t('schedules.what')}</p>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <Fetched loaded={loaded}>
        {({ schedules }) =>
          schedules.length === 0 ? (
            <Empty icon={<CalendarClock />} title={t('schedules.none')} />
          ) : (
            <ul className="robots">
              {schedules.map(schedule => (
                <Row
                  key={schedule.schedule}
                  schedule={schedule}
                  onDo={setDoing}
                  onPause={() => void pause(schedule)}
                />
              ))}
            </ul>
          )
        }
      </Fetched>
      {(doing?.what === 'add' || doing?.what === 'change') && (
        <ScheduleForm
          robot={robot}
          {...(doing.what === 'change' && { schedule: doing.schedule })}
          onDone={done}
        />
      )}
      {doing?.what === 'remove' && (
        <Confirm
          title={t('schedules.remove.of', { title: doing.schedule.title })}
          action={t('push.remove')}
          onConfirm={() =>
            client.call('bot.schedule.remove', { ...of, schedule: doing.schedule.schedule })
          }
          onClose={done}
        >
          <p>{t('schedules.remove.words')}</p>
        </Confirm>
      )}
    </Dialog>
  )
}

function Row(props: { schedule: Schedule; onDo: (doing: Doing) => void; onPause: () => void }) {
  const { schedule, onDo, onPause } = props
  const t = useText()
  const language = useLanguage()
  const when = useWhenIn(schedule.tz)
  const { title, cron, paused, stopped } = schedule
  const [next] = schedule.next
  return (
    <li className="robot">
      <CalendarClock aria-hidden="true" />
      <span className="robot-call grow">
        <bdi className="robot-name">{title}</bdi>
        <span>{planWords(t, language, cron)}</span>
        {stopped && <span className="schedule-stopped">{t(STOPPED[stopped])}</span>}
        {next !== undefined && (
          <span className="soft">{t('schedules.next', { when: when.moment(next) })}</span>
        )}
      </span>
      {paused && <span className="robot-off">{t('schedules.paused')}</span>}
      <Menu
        label={t('robots.more', { name: title })}
        icon={<EllipsisVertical />}
        items={[
          {
            label: t('people.change'),
            icon: <Pencil />,
            onSelect: () => onDo({ what: 'change', schedule }),
          },
          {
            label: t(paused ? 'schedules.resume' : 'schedules.pause'),
            icon: paused ? <Play /> : <Pause />,
            onSelect: onPause,
          },
          {
            label: t('push.remove'),
            icon: <Trash2 />,
            danger: true,
            onSelect: () => onDo({ what: 'remove', schedule }),
          },
        ]}
      />
    </li>
  )
}
