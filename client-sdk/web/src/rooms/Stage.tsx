import type { RoomParticipant } from '@carillon/client'
import { ChevronLeft, ChevronRight } from 'lucide-react'
import { type CSSProperties, useMemo, useRef, useState } from 'react'
import { useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import { isOn, useMeeting, usePresent, useView } from './hooks.ts'
import { capacity, columnsFor, pageOf, widthFor } from './layout.ts'
import { SharedScreen, Tile } from './Tile.tsx'
import './stage.css'
import { useSize } from './useSize.ts'
import { Views, ViewsOfStage } from './views.ts'

export type Look = 'grid' | 'speaker'

/** Who is in the meeting: all alike, or one large; a shared screen has the stage. */
export function Stage({ look }: { look: Look }) {
  const { room } = useMeeting()
  const present = usePresent()
  const views = useMemo(() => new Views(views => room.setViews(views)), [room])
  const screen = present.find(one => one.participant !== room.me && isOn(one, 'screen'))
  const speaker = useSpeaker(present)
  return (
    <ViewsOfStage value={views}>
      {screen ? (
        <Staged people={present}>
          <SharedScreen key={screen.participant} participant={screen} />
        </Staged>
      ) : look === 'speaker' && speaker ? (
        <Staged people={present.filter(one => one !== speaker)}>
          <ul className="stage-one">
            <Tile key={speaker.participant} participant={speaker} rank="stage" />
          </ul>
        </Staged>
      ) : (
        <Grid people={present} />
      )}
      {present.length === 1 && <Alone />}
    </ViewsOfStage>
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
  const style = { '--columns': columns, '--rows': rows, maxWidth } as CSSProperties
  return (
    <div ref={grid} className="stage">
      {size.width > 0 && (
        <ul className="stage-grid" style={style} aria-label={t('rooms.people')}>
          {shown.map(participant => (
            <Tile key={participant.participant} participant={participant} />
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

/** A tile of the strip, with the space to the next one. */
const STRIP_TILE = { width: 152, height: 100 }

/** One thing large, and beside or below it a strip of the others. */
function Staged({
  people,
  children,
}: {
  people: readonly RoomParticipant[]
  children: React.ReactNode
}) {
  const t = useText()
  const { me } = useMeeting().room
  const speaking = useView(view => view.speaking)
  const strip = useRef<HTMLUListElement>(null)
  const { width, height } = useSize(strip)
  const times = (all: number, one: number) => Math.max(1, Math.floor(all / one))
  const fits = times(width, STRIP_TILE.width) * times(height, STRIP_TILE.height)
  // Oneself, and who speaks: the others as they came.
  const rank = ({ participant }: RoomParticipant) =>
    participant === me ? 0 : speaking.includes(participant) ? 1 : 2
  const ordered = [...people].sort((one, other) => rank(one) - rank(other))
  const shown = ordered.length > fits ? ordered.slice(0, Math.max(1, fits - 1)) : ordered
  const more = ordered.length - shown.length
  return (
    <div className="stage stage-staged">
      <div className="stage-large">{children}</div>
      <ul ref={strip} className="stage-strip" aria-label={t('rooms.people')}>
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
