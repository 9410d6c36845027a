import type { RoomParticipant, RoomParticipantId } from '@carillon/client'
import { ChevronLeft, ChevronRight } from 'lucide-react'
import { type CSSProperties, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { isOn, useMeeting, usePresent, useView } from './hooks.ts'
import { capacity, columnsFor, pageOf, widthFor } from './layout.ts'
import { OtherScreen, SharedScreen, Tile } from './Tile.tsx'
import './stage.css'
import { useSize } from './useSize.ts'
import { Views, ViewsOfStage } from './views.ts'

export type Look = 'grid' | 'speaker'

/** Who is in the meeting: all alike, or one large; a shared screen has the stage. */
export function Stage({ look }: { look: Look }) {
  const { room } = useMeeting()
  const present = usePresent()
  const views = useMemo(() => new Views(views => room.setViews(views)), [room])
  useEffect(() => views.restWhileHidden(), [views])
  const { screen, others, choose } = useScreens(present)
  return (
    <ViewsOfStage value={views}>
      {screen ? (
        <Staged
          people={present}
          beside={others.map(one => (
            <OtherScreen
              key={`${one.participant} screen`}
              participant={one}
              onChoose={() => choose(one.participant)}
            />
          ))}
        >
          <SharedScreen key={screen.participant} participant={screen} />
        </Staged>
      ) : look === 'speaker' ? (
        <Speaker people={present} />
      ) : (
        <Grid people={present} />
      )}
      {present.length === 1 && <Alone />}
    </ViewsOfStage>
  )
}

/** The others' screens: the newest has the stage, until somebody chooses another one. */
function useScreens(present: readonly RoomParticipant[]) {
  const { me } = useMeeting().room
  const shared = present.filter(one => one.participant !== me && isOn(one, 'screen'))
  const ids = shared.map(one => one.participant)
  // In the order in which they came, the one on the stage last.
  const [order, setOrder] = useState(ids)
  const kept = order.filter(id => ids.includes(id))
  const now = [...kept, ...ids.filter(id => !kept.includes(id))]
  if (now.join() !== order.join()) setOrder(now)
  const at = now.at(-1)
  return {
    screen: shared.find(one => one.participant === at),
    others: shared.filter(one => one.participant !== at),
    choose: (id: RoomParticipantId) => setOrder([...now.filter(other => other !== id), id]),
  }
}

/** Whoever speaks, large; alone, there is nobody else to be seen. */
function Speaker({ people }: { people: readonly RoomParticipant[] }) {
  const speaker = useSpeaker(people)
  if (!speaker) return <Grid people={people} />
  return (
    <Staged people={people.filter(one => one !== speaker)}>
      <ul className="stage-one">
        <Tile key={speaker.participant} participant={speaker} rank="stage" />
      </ul>
    </Staged>
  )
}

/** Who speaks, or spoke last; before that, whoever came first. Nobody watches themselves. */
function useSpeaker(present: readonly RoomParticipant[]): RoomParticipant | undefined {
  const { me } = useMeeting().room
  const others = present.filter(({ participant }) => participant !== me)
  const speaking = useView(view => view.speaking)
  const last = useRef<string>(undefined)
  // Who still speaks stays, also when somebody else is a little louder.
  if (last.current === undefined || !speaking.includes(last.current)) {
    last.current = speaking.find(id => others.some(one => one.participant === id)) ?? last.current
  }
  return others.find(({ participant }) => participant === last.current) ?? others[0]
}

/** All alike, as large as there is room; on several pages when there are many. */
function Grid({ people }: { people: readonly RoomParticipant[] }) {
  const t = useText()
  const grid = useRef<HTMLDivElement>(null)
  const size = useSize(grid)
  const [asked, setAsked] = useState(0)
  const { shown, page, pages } = pageOf(people, asked, capacity(size))
  const columns = columnsFor(shown.length, size)
  const rows = Math.ceil(shown.length / columns)
  const maxWidth = widthFor(shown.length, columns, size)
  // Each tile has two columns, so that a last row which is not full stands in the middle.
  const style = { '--columns': 2 * columns, '--rows': rows, maxWidth } as CSSProperties
  const rest = shown.length % columns
  const lastRow = rest === 0 ? -1 : shown.length - rest
  return (
    <div ref={grid} className="stage">
      {size.width > 0 && (
        <ul className="stage-grid" style={style} aria-label={t('rooms.people')}>
          {shown.map((participant, at) => (
            <Tile
              key={participant.participant}
              participant={participant}
              column={at === lastRow ? 1 + columns - rest : undefined}
            />
          ))}
        </ul>
      )}
      {pages > 1 && (
        <div className="stage-pages">
          <IconButton
            label={t('rooms.page.before')}
            icon={<ChevronLeft />}
            disabled={page === 0}
            onClick={() => setAsked(page - 1)}
          />
          <span>{t('rooms.page', { page: page + 1, pages })}</span>
          <IconButton
            label={t('rooms.page.next')}
            icon={<ChevronRight />}
            disabled={page === pages - 1}
            onClick={() => setAsked(page + 1)}
          />
        </div>
      )}
    </div>
  )
}

/** A tile of the strip, with the space to the next one, in rem: it grows with the letters. */
const STRIP_TILE = { width: 9.5, height: 6.25 }

/** How many times a tile goes into a length in pixels. */
function times(length: number, rem: number): number {
  const one = rem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
  return Math.max(1, Math.floor(length / one))
}

/** One thing large, and beside or below it a strip of the others. */
function Staged({
  people,
  beside = [],
  children,
}: {
  people: readonly RoomParticipant[]
  /** Tiles that stand before those of the people. */
  beside?: readonly ReactNode[]
  children: ReactNode
}) {
  const t = useText()
  const { me } = useMeeting().room
  const speaking = useView(view => view.speaking)
  const strip = useRef<HTMLUListElement>(null)
  const { width, height } = useSize(strip)
  const all = times(width, STRIP_TILE.width) * times(height, STRIP_TILE.height)
  const fits = Math.max(1, all - beside.length)
  // Oneself, and who speaks: the others as they came.
  const rank = ({ participant }: RoomParticipant) =>
    participant === me ? 0 : speaking.includes(participant) ? 1 : 2
  const ordered = [...people].sort((one, other) => rank(one) - rank(other))
  // One of the places is for the number of those who have none.
  const shown = ordered.length > fits ? ordered.slice(0, fits - 1) : ordered
  const more = ordered.length - shown.length
  return (
    <div className="stage stage-staged">
      <div className="stage-large">{children}</div>
      <ul ref={strip} className="stage-strip" aria-label={t('rooms.people')}>
        {beside}
        {shown.map(participant => (
          <Tile key={participant.participant} participant={participant} />
        ))}
        {more > 0 && <li className="tile tile-more">{t('rooms.more', { count: more })}</li>}
      </ul>
    </div>
  )
}

function Alone() {
  const t = useText()
  return (
    <p className="stage-alone" role="status">
      {t('rooms.alone')}
    </p>
  )
}
