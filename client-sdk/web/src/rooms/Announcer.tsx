import { useEffect, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import type { Happening } from './happenings.ts'
import { useMeeting, useName, useView } from './hooks.ts'
import { type Line, linesOf } from './lines.ts'

/** What happens within so long is told together: at the hour fifty people come. */
const TOGETHER_MS = 2_000
/** Long enough to be read. */
const SHOWN_MS = 4_000
/** More would cover the faces, and are not read. */
const LINES_MAX = 3

interface Told {
  readonly id: number
  readonly line: Line
}

/** Says what has just happened: for the ear all of it, for the eye what is not seen elsewhere. */
export function Announcer() {
  const told = useTold()
  return (
    <div className="happenings" role="log" aria-atomic="false" aria-relevant="additions">
      {told.map(({ id, line }) => (
        <Words key={id} line={line} />
      ))}
    </div>
  )
}

/** The lines that are shown now; each is said once. */
function useTold(): readonly Told[] {
  const { me } = useMeeting().room
  const happenings = useView(view => view.happenings)
  const [told, setTold] = useState<readonly Told[]>([])
  const seen = useRef(new WeakSet<Happening>())
  const pending = useRef<Happening[]>([])
  const last = useRef(0)
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>())
  useEffect(() => {
    const tell = () => {
      const lines = linesOf(pending.current.splice(0), me).map(line => {
        last.current += 1
        return { id: last.current, line }
      })
      if (lines.length === 0) return
      setTold(told => [...told, ...lines].slice(-LINES_MAX))
      const over = () => setTold(told => told.filter(one => !lines.includes(one)))
      soon(timers.current, over, SHOWN_MS)
    }
    const fresh = happenings.filter(one => !seen.current.has(one))
    if (fresh.length === 0) return
    for (const one of fresh) seen.current.add(one)
    const begins = pending.current.length === 0
    pending.current.push(...fresh)
    // Whoever has been muted must know before they say the next word.
    if (fresh.some(one => one.kind === 'muted')) tell()
    else if (begins) soon(timers.current, tell, TOGETHER_MS)
  }, [happenings, me])
  useEffect(() => {
    const all = timers.current
    return () => {
      for (const timer of all) clearTimeout(timer)
    }
  }, [])
  return told
}

function soon(timers: Set<ReturnType<typeof setTimeout>>, deed: () => void, ms: number): void {
  const timer = setTimeout(() => {
    timers.delete(timer)
    deed()
  }, ms)
  timers.add(timer)
}

function Words({ line }: { line: Line }) {
  const t = useText()
  if (line.kind === 'reacted') return <Reacted emoji={line.emoji} people={line.people} />
  if (line.kind === 'muted') {
    const words = {
      microphone: t('rooms.muted.microphone'),
      camera: t('rooms.muted.camera'),
      screen: t('rooms.muted.screen'),
      screen_audio: t('rooms.muted.screen'),
    }[line.source]
    return <p className="happening">{words}</p>
  }
  const { kind, count, who } = line
  if (who) return <Moved who={who} comes={kind === 'came'} />
  const many = kind === 'came' ? 'rooms.came.many' : 'rooms.went.many'
  return <p className="happening">{t(many, { count })}</p>
}

function Moved({ who, comes }: { who: { user: string; name?: string }; comes: boolean }) {
  const t = useText()
  const name = useName(who)
  return (
    <p className="happening">{comes ? t('rooms.came', { name }) : t('rooms.went', { name })}</p>
  )
}

/** Everybody who looks sees the emoji itself. */
function Reacted({ emoji, people }: { emoji: string; people: readonly string[] }) {
  const t = useText()
  const participants = useView(view => view.participants)
  const [first] = people
  const one = people.length === 1 && participants.find(({ participant }) => participant === first)
  return (
    <p className="visually-hidden">
      {one ? (
        <OneReacts who={one} emoji={emoji} />
      ) : (
        t('rooms.reacts.many', { count: people.length, emoji })
      )}
    </p>
  )
}

function OneReacts({ who, emoji }: { who: { user: string; name?: string }; emoji: string }) {
  const t = useText()
  return t('rooms.reacts', { name: useName(who), emoji })
}
