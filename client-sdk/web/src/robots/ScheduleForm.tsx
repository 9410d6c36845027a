import { type BotRobot, LIMITS, newId } from '@carillon/client'
import { Eye } from 'lucide-react'
import { useRef, useState } from 'react'
import { useDebounced } from '../app/debounced.ts'
import { FormDialog } from '../app/FormDialog.tsx'
import { type Meaning, useForm } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useWhenIn } from '../app/when.ts'
import { useClient } from '../app/workspace.ts'
import { Refused } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Check, Field } from '../ui/Field.tsx'
import { toast } from '../ui/Toast.tsx'
import { cronOf, planOf, USUAL } from './cron.ts'
import { DigestPreview, PreviewOf } from './DigestPreview.tsx'
import { placeOf } from './facts.ts'
import { PlacesFields } from './PlacesFields.tsx'
import { PlanFields } from './PlanFields.tsx'
import { SaysFields } from './SaysFields.tsx'
import type { Schedule } from './Schedules.tsx'
import { faultOf } from './says.ts'

const GROUP: Schedule['says'] = { kind: 'digest', digest: 'group_yesterday' }

const meaning: Meaning = ({ field }) => {
  if (field === 'cron') return { field: 'cron', key: 'schedules.cron.wrong' }
  if (field === 'title') return { field: 'title', key: 'schedules.title.wrong' }
  if (field?.startsWith('convs')) return { field: 'convs', key: 'schedules.place.wrong' }
  if (placeOf(field) !== undefined) return { field: 'says', key: 'schedules.part.wrong' }
  if (field?.startsWith('says')) return { field: 'says', key: 'schedules.says.wrong' }
  return undefined
}

/** What a robot posts, and when: made, or changed. */
export function ScheduleForm(props: {
  robot: BotRobot
  /** The robot's own group. */
  conv: string
  schedule?: Schedule
  onDone: () => void
}) {
  const { robot, conv, schedule, onDone } = props
  const t = useText()
  const client = useClient()
  const form = useForm(['title', 'cron', 'says', 'intro', 'convs'], meaning)
  const [title, setTitle] = useState(schedule?.title ?? '')
  const [plan, setPlan] = useState(schedule ? planOf(schedule.cron) : USUAL)
  const [says, setSays] = useState(schedule?.says ?? GROUP)
  const [convs, setConvs] = useState(schedule?.places.map(place => place.conv) ?? [conv])
  const [isOn, setIsOn] = useState(!schedule?.paused)
  const [previewing, setPreviewing] = useState(false)
  // Nobody has to think of a name: the title is what people know it by.
  const name = useRef(schedule?.schedule ?? newId().toLowerCase())
  const cron = cronOf(plan)
  const shownTitle = title.trim() || t('schedules.untitled')
  const submit = async () => {
    if (title.trim() === '') throw new Refused('title', 'schedules.title.wrong')
    const fault = faultOf(says)
    if (fault) throw new Refused(fault.field, fault.key)
    const put = { robot: robot.robot, schedule: name.current, title: title.trim(), cron, says }
    await client.call('bot.schedule.put', { ...put, convs, paused: !isOn })
    toast('good', t('saved'))
    onDone()
  }
  return (
    <FormDialog
      title={t(schedule ? 'schedules.change' : 'schedules.add')}
      action={t('save')}
      other={
        <Button icon={<Eye />} onClick={() => setPreviewing(true)}>
          {t('schedules.preview')}
        </Button>
      }
      task={form}
      onSubmit={submit}
      onClose={onDone}
    >
      <Field
        label={t('schedules.title')}
        hint={t('schedules.title.hint')}
        maxLength={LIMITS.CARD_TITLE_LEN_MAX}
        value={title}
        error={form.at('title')}
        data-autofocus
        onChange={event => setTitle(event.target.value)}
      />
      <SaysFields robot={robot.robot} says={says} error={form.at('says')} onChange={setSays} />
      {says.kind === 'template' && !faultOf(says) && (
        <section aria-label={t('schedules.preview')}>
          <h3 className="preview-head">{t('schedules.preview')}</h3>
          <PreviewOf robot={robot} title={shownTitle} says={says} />
        </section>
      )}
      <PlacesFields convs={convs} error={form.at('convs')} onChange={setConvs} />
      <PlanFields plan={plan} error={form.at('cron')} onChange={setPlan} />
      <NextTimes cron={cron} />
      <Check
        label={t('schedules.on')}
        checked={isOn}
        onChange={event => setIsOn(event.target.checked)}
      />
      {previewing && (
        <DigestPreview
          robot={robot}
          title={shownTitle}
          says={says}
          onClose={() => setPreviewing(false)}
        />
      )}
    </FormDialog>
  )
}

/** When it will be posted, by the clock of the organisation. */
function NextTimes({ cron }: { cron: string }) {
  const t = useText()
  const client = useClient()
  const asked = useDebounced(cron)
  const loaded = useLoad(() => client.call('bot.schedule.preview', { cron: asked }), asked)
  const when = useWhenIn(loaded.state === 'there' ? loaded.value.tz : 'UTC')
  return (
    <section className="schedule-next" aria-label={t('schedules.times')}>
      <h3>{t('schedules.times')}</h3>
      {loaded.state === 'failed' && <p className="soft">{t('schedules.cron.wrong')}</p>}
      {loaded.state === 'there' && (
        <>
          <ul>
            {loaded.value.next.map(at => (
              <li key={at}>
                <time dateTime={new Date(at).toISOString()}>{when.moment(at)}</time>
              </li>
            ))}
          </ul>
          <p className="soft">{t('schedules.tz', { tz: loaded.value.tz.replaceAll('_', ' ') })}</p>
        </>
      )}
    </section>
  )
}
