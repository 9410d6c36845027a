import type { Ding, DingSeries, DingWhich } from '@carillon/client'
import { BellRing, Plus, Repeat as RepeatIcon } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useStore } from 'zustand'
import { Confirm } from '../app/Confirm.tsx'
import { Failed, Fetched } from '../app/Fetched.tsx'
import { useLoad } from '../app/load.ts'
import { Page } from '../app/Page.tsx'
import { useClient } from '../app/workspace.ts'
import { usePerson } from '../model/hooks.ts'
import { Pages } from '../model/pages.ts'
import { type Text, useLanguage, useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Choice } from '../ui/Choice.tsx'
import { Empty } from '../ui/Notice.tsx'
import { Skeleton } from '../ui/Spinner.tsx'
import { keyOf } from './alerts.ts'
import { begin } from './draft.ts'
import { useAlerts, useAlertsState } from './hooks.ts'
import './lists.css'
import { useMoment } from './moments.ts'
import { type Repeat, repeatOf } from './repeat.ts'
import { weekday } from './Timing.tsx'
import { mayAnswer, totalOf } from './tally.ts'
import { useDingChanges } from './useDingChanges.ts'

type Tab = 'received' | 'sent' | 'series'

/** So many are asked for at once. */
const PAGE = 50

/** All alerts of the person. */
export function Lists() {
  const t = useText()
  const [, navigate] = useLocation()
  const [tab, setTab] = useState<Tab>('received')
  const options = [
    { value: 'received', label: t('ding.received') },
    { value: 'sent', label: t('ding.sent') },
    { value: 'series', label: t('ding.series') },
  ] as const
  const write = () => {
    begin([])
    navigate('/ding/new')
  }
  return (
    <Page
      title={t('nav.ding')}
      actions={
        <Button look="primary" icon={<Plus />} onClick={write}>
          {t('ding.new')}
        </Button>
      }
    >
      <Choice label={t('ding.which')} value={tab} options={options} onChange={setTab} />
      {tab === 'series' ? <SeriesList /> : <List key={tab} which={tab} />}
    </Page>
  )
}

function List({ which }: { which: DingWhich }) {
  const t = useText()
  const client = useClient()
  const pages = useMemo(
    () =>
      new Pages<Ding>(async after => {
        const args = { which, limit: PAGE, ...(after && { after: after.ding }) }
        const { dings, more } = await client.call('ding.list', args)
        return { items: dings, more }
      }),
    [client, which],
  )
  const { items, more, loading, error } = useStore(pages.list)
  useEffect(() => void pages.next(), [pages])
  useDingChanges(() => void pages.again(), undefined, Math.ceil((items?.length || 1) / PAGE))
  if (error !== undefined && !items) {
    return <Failed error={error} again={() => void pages.again()} />
  }
  if (!items) return <Skeleton lines={6} />
  if (items.length === 0) {
    const none = which === 'sent' ? t('ding.none.sent') : t('ding.none.received')
    return <Empty icon={<BellRing />} title={none} />
  }
  return (
    <>
      <ul className="ding-rows">
        {items.map(ding => (
          <li key={keyOf(ding)}>
            {which === 'sent' ? <SentRow ding={ding} /> : <Row ding={ding} />}
          </li>
        ))}
      </ul>
      {more && (
        <Button busy={loading} onClick={() => void pages.next()}>
          {t('ding.older')}
        </Button>
      )}
    </>
  )
}

function Row({ ding }: { ding: Ding }) {
  const t = useText()
  const alerts = useAlerts()
  const moment = useMoment()
  const sender = usePerson(ding.by)
  const key = keyOf(ding)
  const isOpen = useAlertsState(({ calls }) => calls.some(call => call.key === key))
  const words = (
    <>
      <Avatar id={ding.by} name={sender?.name ?? ''} />
      <span className="ding-row-words">
        <span className="ding-row-head">
          <bdi>{sender?.name ?? t('chat.someone')}</bdi>
          <time dateTime={new Date(ding.at).toISOString()}>{moment(ding.at)}</time>
        </span>
        <bdi className="ding-row-text">{ding.text}</bdi>
        <span className={isOpen ? 'ding-row-open' : 'soft'}>{stateOf(t, ding)}</span>
      </span>
    </>
  )
  if (isOpen) {
    return (
      <button type="button" className="ding-row" onClick={() => alerts.show(key)}>
        {words}
      </button>
    )
  }
  return (
    <Link to={`/ding/${ding.ding}`} className="ding-row">
      {words}
    </Link>
  )
}

/** How far it is with the person, in words. */
export function stateOf(t: Text, { mine, recalled_at }: Ding): string {
  if (recalled_at !== undefined || mine?.state === 'recalled') return t('ding.state.recalled')
  if (!mine) return ''
  if (mine.state === 'confirmed') return t('ding.mine.confirmed')
  if (mine.state === 'declined') return t('ding.mine.declined')
  if (mine.state === 'expired') return t('ding.mine.expired')
  return mayAnswer(mine.state) ? t('ding.mine.open') : ''
}

function SentRow({ ding }: { ding: Ding }) {
  const t = useText()
  const moment = useMoment()
  const tally = ding.sent
  const total = tally ? totalOf(tally) : 0
  const state =
    ding.recalled_at !== undefined
      ? t('ding.state.recalled')
      : ding.at > Date.now()
        ? t('ding.planned', { when: moment(ding.at), count: total })
        : t('ding.confirmed.of', { confirmed: tally?.confirmed ?? 0, total })
  return (
    <Link to={`/ding/${ding.ding}`} className="ding-row">
      <span className="ding-row-words">
        <span className="ding-row-head">
          <strong>{state}</strong>
          <time dateTime={new Date(ding.at).toISOString()}>{moment(ding.at)}</time>
        </span>
        <bdi className="ding-row-text">{ding.text}</bdi>
      </span>
    </Link>
  )
}

function SeriesList() {
  const t = useText()
  const client = useClient()
  const [ending, setEnding] = useState<DingSeries>()
  const loaded = useLoad(() => client.call('ding.series.list', {}), 'series')
  return (
    <Fetched loaded={loaded}>
      {({ series }) => (
        <>
          {series.length === 0 && <Empty icon={<RepeatIcon />} title={t('ding.none.series')} />}
          <ul className="ding-rows">
            {series.map(one => (
              <li key={one.series} className="ding-row ding-series">
                <SeriesWords series={one} />
                {one.next_at !== undefined && (
                  <Button onClick={() => setEnding(one)}>{t('ding.series.end')}</Button>
                )}
              </li>
            ))}
          </ul>
          {ending && (
            <Confirm
              title={t('ding.series.end')}
              action={t('ding.series.end')}
              onConfirm={async () => {
                await client.call('ding.series.end', { series: ending.series })
                loaded.again()
              }}
              onClose={() => setEnding(undefined)}
            >
              <p>{t('ding.series.ask', { text: ending.text })}</p>
            </Confirm>
          )}
        </>
      )}
    </Fetched>
  )
}

function SeriesWords({ series }: { series: DingSeries }) {
  const t = useText()
  const language = useLanguage()
  const moment = useMoment()
  const { text, repeat, next_at, stopped } = series
  const next =
    next_at === undefined ? t('ding.series.over') : t('ding.series.next', { when: moment(next_at) })
  return (
    <span className="ding-row-words">
      <strong>{ruleWords(t, language, repeatOf(repeat)) ?? repeat}</strong>
      <bdi className="ding-row-text">{text}</bdi>
      <span className="soft">{stopped ? t('ding.series.stopped', { why: stopped }) : next}</span>
    </span>
  )
}

/** How often something comes, in words. */
function ruleWords(t: Text, language: string, repeat: Repeat | undefined): string | undefined {
  if (repeat?.every === 'day') return t('ding.repeat.day')
  if (repeat?.every === 'workday') return t('ding.repeat.workday')
  if (repeat?.every === 'week') {
    const days = repeat.on.map(day => weekday(day, language)).join(t('ding.and'))
    return t('ding.repeat.weekly', { days })
  }
  if (repeat?.every !== 'month') return undefined
  if (repeat.day === 'last') return t('ding.repeat.monthly.last')
  return t('ding.repeat.monthly', { day: repeat.day })
}
