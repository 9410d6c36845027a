import type { Ding, DingId, DingTally } from '@carillon/client'
import { BellPlus, BellRing, Download, EllipsisVertical, Undo2 } from 'lucide-react'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { Confirm } from '../app/Confirm.tsx'
import { useTask } from '../app/form.tsx'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useLanguage, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import { Banner } from '../ui/Notice.tsx'
import { toast } from '../ui/Toast.tsx'
import './board.css'
import { begin, REMINDED_BY } from './draft.ts'
import { useMoment, useNowEvery } from './moments.ts'
import { Recipients } from './Recipients.tsx'
import { money, spellMinutes } from './spell.ts'
import { countOf, GROUPS, parts, totalOf, WORDS } from './tally.ts'

const NOBODY: DingTally = {
  queued: 0,
  delivered: 0,
  seen: 0,
  confirmed: 0,
  declined: 0,
  expired: 0,
  recalled: 0,
  withdrawn: 0,
}

/** How an alert stands with everybody, live, and what its sender can do. */
export function Board({ ding, changed }: { ding: Ding; changed: () => void }) {
  const t = useText()
  const language = useLanguage()
  const client = useClient()
  const tally = ding.sent ?? NOBODY
  const version = JSON.stringify(tally)
  const status = useLoad(
    () => client.call('ding.status', { ding: ding.ding, limit: 1 }),
    `${ding.ding} ${version}`,
  )
  const board = status.state === 'there' ? status.value : undefined
  const isOver = ding.recalled_at !== undefined
  return (
    <section className="section ding-board" aria-label={t('ding.board')}>
      <Bar tally={tally} />
      {isOver && <Banner>{t('ding.state.recalled')}</Banner>}
      <Planned ding={ding} />
      <Actions
        ding={ding}
        remindFrom={board?.remind_from}
        changed={() => {
          changed()
          status.again()
        }}
      />
      {board && board.cost > 0 && (
        <p className="soft">
          {t('ding.cost', { cost: money(board.cost, board.currency, language) })}
        </p>
      )}
      {GROUPS.filter(group => countOf(tally, group) > 0).map((group, index) => (
        <Recipients
          key={group}
          ding={ding}
          group={group}
          count={countOf(tally, group)}
          first={index === 0}
        />
      ))}
    </section>
  )
}

function Planned({ ding }: { ding: Ding }) {
  const t = useText()
  const moment = useMoment()
  if (ding.at <= Date.now()) return null
  const count = totalOf(ding.sent ?? NOBODY)
  return <Banner tone="attention">{t('ding.planned', { when: moment(ding.at), count })}</Banner>
}

/** The whole in one look, and in words for who sees no colours. */
function Bar({ tally }: { tally: DingTally }) {
  const t = useText()
  const total = totalOf(tally)
  return (
    <div className="ding-tally">
      <h2>{t('ding.confirmed.of', { confirmed: tally.confirmed, total })}</h2>
      <div className="ding-bar" aria-hidden="true">
        {parts(tally).map(({ group, count }) => (
          <span
            key={group}
            className={`ding-part ding-part-${group}`}
            data-share={count}
            ref={grown(count)}
          />
        ))}
      </div>
      <ul className="ding-legend">
        {parts(tally).map(({ group, count }) => (
          <li key={group} className={`ding-legend-${group}`}>
            {t(WORDS[group])} {count}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** The policy of the page allows no style in a tag; one that a script sets it does. */
function grown(count: number) {
  return (part: HTMLElement | null) => {
    if (part) part.style.flexGrow = String(count)
  }
}

function Actions({
  ding,
  remindFrom,
  changed,
}: {
  ding: Ding
  remindFrom: number | undefined
  changed: () => void
}) {
  const t = useText()
  const client = useClient()
  const task = useTask()
  const [, navigate] = useLocation()
  const [recalling, setRecalling] = useState(false)
  const waiting = countOf(ding.sent ?? NOBODY, 'waiting')
  const unanswered = waiting + countOf(ding.sent ?? NOBODY, 'expired')
  const again = () => {
    begin([{ kind: 'unconfirmed', id: ding.ding, name: t('ding.unconfirmed.name') }])
    navigate('/ding/new')
  }
  const others: MenuItem[] = [
    { label: t('ding.csv'), icon: <Download />, onSelect: () => download(ding.ding) },
  ]
  if (ding.recalled_at === undefined && unanswered > 0) {
    others.push({ label: t('ding.unconfirmed.menu'), icon: <BellPlus />, onSelect: again })
  }
  const mayRemind = ding.recalled_at === undefined && waiting > 0 && ding.at <= Date.now()
  const remind = () =>
    task.run(async () => {
      const args = { ding: ding.ding, channels: REMINDED_BY }
      const { people } = await client.call('ding.remind', args)
      toast('good', t('ding.reminded', { count: people }))
      changed()
    })
  return (
    <>
      {task.error !== undefined && <Banner tone="danger">{failure(t, task.error)}</Banner>}
      <div className="ding-actions">
        {mayRemind && remindFrom !== undefined && (
          <Remind
            from={remindFrom}
            busy={task.busy}
            count={waiting}
            onRemind={() => void remind()}
          />
        )}
        {ding.recalled_at === undefined && waiting > 0 && (
          <Button icon={<Undo2 />} onClick={() => setRecalling(true)}>
            {t('ding.recall')}
          </Button>
        )}
        <Menu label={t('ding.others')} icon={<EllipsisVertical />} items={others} />
      </div>
      {recalling && (
        <Confirm
          title={t('ding.recall')}
          action={t('ding.recall.do')}
          onConfirm={async () => {
            await client.call('ding.recall', { ding: ding.ding })
            changed()
          }}
          onClose={() => setRecalling(false)}
        >
          <p>{t('ding.recall.ask')}</p>
        </Confirm>
      )}
    </>
  )
}

/** Keeps the list of recipients as a file for a spreadsheet. */
function download(ding: DingId): void {
  const link = document.createElement('a')
  link.href = `/v1/ding/${ding}/recipients.csv`
  link.download = `ding-${ding}.csv`
  link.click()
}

const LOOKS_MS = 5_000

/** Reminds those who have not answered; says when it may be done again, where it may not yet. */
function Remind({
  from,
  busy,
  count,
  onRemind,
}: {
  from: number
  busy: boolean
  count: number
  onRemind: () => void
}) {
  const t = useText()
  const language = useLanguage()
  const left = from - useNowEvery(LOOKS_MS)
  if (left <= 0) {
    return (
      <Button look="primary" icon={<BellRing />} busy={busy} onClick={onRemind}>
        {t('ding.remind', { count })}
      </Button>
    )
  }
  return (
    <Button icon={<BellRing />} disabled>
      {t('ding.remind.in', { time: spellMinutes(left, language) })}
    </Button>
  )
}
