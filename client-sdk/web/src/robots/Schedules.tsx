import type { BotRobot, Reply } from '@carillon/client'
import { CalendarClock, EllipsisVertical, Pause, Pencil, Play, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { Fetched } from '../app/Fetched.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useWhenIn } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { useConversation } from '../model/hooks.ts'
import { failure } from '../texts/failure.ts'
import { type Key, useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { Menu } from '../ui/Menu.tsx'
import { Banner, Empty } from '../ui/Notice.tsx'
import { FACTS } from './facts.ts'
import { planWords } from './planWords.ts'
import { ScheduleForm } from './ScheduleForm.tsx'

export type Schedule = Reply<'bot.schedule.list'>['schedules'][number]

type Doing = { what: 'add' } | { what: 'change' | 'remove'; schedule: Schedule } | undefined

type Place = Schedule['places'][number]

const MISSING: Readonly<Record<NonNullable<Place['missing']>[number]['why'], Key>> = {
  unknown: 'schedules.missing.unknown',
  slow: 'schedules.missing.slow',
  failed: 'schedules.missing.failed',
}

const STOPPED: Readonly<Record<NonNullable<Place['stopped']>, Key>> = {
  denied: 'schedules.stopped.denied',
  conversation: 'schedules.stopped.conversation',
  refused: 'schedules.stopped.refused',
}

/** What a robot posts by itself, and when. */
export function Schedules(props: { robot: BotRobot; conv: string; onClose: () => void }) {
  const { robot, conv, onClose } = props
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
  const pause = async ({ schedule, paused }: Schedule) => {
    await task.run(() => client.call('bot.schedule.pause', { ...of, schedule, paused: !paused }))
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
          conv={conv}
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

/** A group that it is posted to, and what is wrong there. */
function PlaceOf({ place, alone }: { place: Place; alone: boolean }) {
  const t = useText()
  const conv = useConversation(place.conv)
  const { stopped, missing = [] } = place
  const fact = ({ fact }: { fact: string }) => {
    const told = FACTS[fact]
    return told ? t(told.name) : fact
  }
  return (
    <>
      {!alone && <bdi className="soft">{conv?.title ?? t('schedules.place.unknown')}</bdi>}
      {stopped && <span className="schedule-stopped">{t(STOPPED[stopped])}</span>}
      {missing.map(part => (
        <span key={part.fact} className="schedule-stopped">
          {t(MISSING[part.why], { fact: fact(part) })}
        </span>
      ))}
    </>
  )
}

function Row(props: { schedule: Schedule; onDo: (doing: Doing) => void; onPause: () => void }) {
  const { schedule, onDo, onPause } = props
  const t = useText()
  const language = useLanguage()
  const when = useWhenIn(schedule.tz)
  const { title, cron, paused, places } = schedule
  const [next] = schedule.next
  return (
    <li className="robot">
      <CalendarClock aria-hidden="true" />
      <span className="robot-call grow">
        <bdi className="robot-name">{title}</bdi>
        <span>{planWords(t, language, cron)}</span>
        {places.map(place => (
          <PlaceOf key={place.conv} place={place} alone={places.length === 1} />
        ))}
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
