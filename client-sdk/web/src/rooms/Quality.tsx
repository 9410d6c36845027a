import type { MeetingStats } from '@carillon/client/rooms'
import { Signal, SignalLow, SignalMedium } from 'lucide-react'
import { useEffect, useState } from 'react'
import { type Text, useText } from '../texts/language.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { useMeeting, useView } from './hooks.ts'
import './quality.css'

/** So often the delay is measured: often enough to see it change, too seldom to cost anything. */
const MEASURED_MS = 2_000

/** How good the connection is, and how long the others' words take to here; pressed, all of it. */
export function Quality() {
  const t = useText()
  const stats = useStats()
  const [isOpen, setOpen] = useState(false)
  const { icon, words, tone } = useLook()
  const { delayMs: ms, networkMs: network } = stats ?? {}
  return (
    <>
      <button
        type="button"
        className={`quality quality-${tone}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        {icon}
        <span className={tone === 'good' ? 'visually-hidden' : undefined}>{words}</span>
        {ms !== undefined && network !== undefined && (
          <>
            <span className="quality-short">{t('rooms.delay.short', { ms })}</span>
            <span className="quality-delay">{t('rooms.delay', { ms, network })}</span>
          </>
        )}
      </button>
      {isOpen && <Details stats={stats} onClose={() => setOpen(false)} />}
    </>
  )
}

/** The quality as a picture and in words. */
function useLook() {
  const t = useText()
  const tone = useView(view => view.quality)
  const look = {
    good: { icon: <Signal aria-hidden="true" />, words: t('rooms.quality.good') },
    fair: { icon: <SignalMedium aria-hidden="true" />, words: t('rooms.quality.fair') },
    poor: { icon: <SignalLow aria-hidden="true" />, words: t('rooms.quality.poor') },
  }[tone]
  return { ...look, tone }
}

function Details({ stats, onClose }: { stats: MeetingStats | undefined; onClose: () => void }) {
  const t = useText()
  const { icon, words, tone } = useLook()
  return (
    <Dialog title={t('rooms.line')} onClose={onClose}>
      <p className={`quality-words quality-${tone}`}>
        {icon}
        <span>{words}</span>
      </p>
      <dl className="line">
        {measured(t, stats).map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="soft">{t('rooms.line.help')}</p>
    </Dialog>
  )
}

/** What was measured, as words and figures. */
function measured(t: Text, stats: MeetingStats | undefined): [string, string][] {
  const none = t('rooms.line.none')
  const ms = (ms: number | undefined) =>
    ms === undefined ? none : t('rooms.delay.short', { ms: Math.round(ms) })
  // It takes two looks to see what flows.
  const flows = stats !== undefined && stats.publish.kbps + stats.subscribe.kbps > 0
  const kbps = (kbps = 0) => {
    if (!flows) return none
    if (kbps < 1_000) return t('rooms.line.kbps', { kbps })
    return t('rooms.line.mbps', { mbps: (kbps / 1_000).toFixed(1) })
  }
  return [
    [t('rooms.line.delay'), ms(stats?.delayMs)],
    [t('rooms.line.network'), ms(stats?.networkMs)],
    [t('rooms.line.lost'), stats ? t('rooms.line.percent', { percent: lost(stats) }) : none],
    [t('rooms.line.down'), kbps(stats?.subscribe.kbps)],
    [t('rooms.line.up'), kbps(stats?.publish.kbps)],
  ]
}

/** The share that is lost on the worse of both ways, in percent. */
function lost({ publish, subscribe }: MeetingStats): number {
  return Math.round(Math.max(publish.lossShare, subscribe.lossShare) * 1_000) / 10
}

function useStats(): MeetingStats | undefined {
  const { room } = useMeeting()
  const [stats, setStats] = useState<MeetingStats>()
  useEffect(() => {
    let isCurrent = true
    const look = async () => {
      const stats = await room.stats()
      if (isCurrent && stats) setStats(stats)
    }
    // A connection that has ended has nothing to tell: what was measured last stays.
    const timer = setInterval(() => void look().catch(() => {}), MEASURED_MS)
    return () => {
      isCurrent = false
      clearInterval(timer)
    }
  }, [room])
  return stats
}
