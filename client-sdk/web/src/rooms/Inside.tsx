import { useCallback, useEffect, useRef, useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { useTitle } from '../app/title.ts'
import { useIsSheet } from '../chat/panels.ts'
import { type Text, useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Spinner } from '../ui/Spinner.tsx'
import { Announcer } from './Announcer.tsx'
import { type Above, Bar, type Beside } from './Bar.tsx'
import { ChatPanel } from './ChatPanel.tsx'
import { DevicesDialog } from './DevicesDialog.tsx'
import { type Deeds, useDeeds, useKeys } from './deeds.ts'
import { Help } from './Help.tsx'
import { isOn, useMeeting, useName, useTalkOf, useTitleOf, useView } from './hooks.ts'
import { Knocking } from './Knocking.tsx'
import { PeoplePanel } from './PeoplePanel.tsx'
import { Quality } from './Quality.tsx'
import { ReactionBar } from './ReactionBar.tsx'
import { type Look, Stage } from './Stage.tsx'
import { Troubles } from './Troubles.tsx'

/** The meeting itself. */
export function Inside() {
  const meeting = useMeeting()
  const head = useView(view => view.head)
  const title = useTitleOf(head)
  const deeds = useDeeds()
  const [beside, setBeside] = useState<Beside>()
  const [above, setAbove] = useState<Above>()
  const [reacting, setReacting] = useState(false)
  const [look, setLook] = useState<Look>('grid')
  const conv = useTalkOf(head.conv)
  const isSheet = useIsSheet()
  useTitle(title)
  const help = useCallback(() => setAbove('help'), [])
  const closeBeside = useCallback(() => {
    setReacting(false)
    setBeside(undefined)
  }, [])
  useKeys(deeds, help, closeBeside)
  const shut = () => setAbove(undefined)
  const close = () => setBeside(undefined)
  return (
    <div className={beside && !isSheet ? 'meet meet-beside' : 'meet'}>
      <section className="meet-room" aria-label={title}>
        <Head title={title} />
        <Notices deeds={deeds} />
        <div className="stage-area">
          <Stage look={look} />
          <Announcer />
        </div>
        {reacting && <ReactionBar onClose={() => setReacting(false)} />}
        <Bar
          deeds={deeds}
          beside={beside}
          reacting={reacting}
          look={look}
          talks={conv !== undefined}
          onBeside={setBeside}
          onAbove={setAbove}
          onReacting={setReacting}
          onLook={setLook}
        />
      </section>
      {beside === 'people' && <PeoplePanel onClose={close} />}
      {beside === 'chat' && conv && <ChatPanel conv={conv} onClose={close} />}
      {above === 'devices' && <DevicesDialog onClose={shut} />}
      {above === 'help' && <Help onClose={shut} />}
      {above === 'end' && <End end={() => meeting.room.end()} onClose={shut} />}
    </div>
  )
}

function Head({ title }: { title: string }) {
  const heading = useRef<HTMLHeadingElement>(null)
  // The button that led here is gone, and the focus with it.
  useEffect(() => heading.current?.focus(), [])
  return (
    <header className="meet-head">
      <h1 ref={heading} tabIndex={-1}>
        <bdi>{title}</bdi>
      </h1>
      <Speaking />
      <Quality />
    </header>
  )
}

/** Who speaks, also when they are on another page. */
function Speaking() {
  const t = useText()
  const { me } = useMeeting().room
  const speaker = useView(({ speaking, participants }) => {
    const others = speaking.filter(id => id !== me)
    const loud = others.map(id => participants.find(({ participant }) => participant === id))
    return loud.find(one => one !== undefined && isOn(one, 'microphone'))
  })
  if (!speaker) return <p className="meet-speaking" />
  return (
    <p className="meet-speaking">
      <SpeakerName participant={speaker} t={t} />
    </p>
  )
}

function SpeakerName({
  participant,
  t,
}: {
  participant: { user: string; name?: string }
  t: Text
}) {
  return t('rooms.speaking', { name: useName(participant) })
}

/** What a person has to know or to do now. */
function Notices({ deeds }: { deeds: Deeds }) {
  const t = useText()
  const stuck = useView(view => view.stuck)
  const leave = <Button onClick={deeds.leave}>{t('rooms.leave')}</Button>
  return (
    <div className="meet-notices">
      <Knocking />
      {deeds.on.screen && (
        <Banner
          tone="attention"
          action={<Button onClick={deeds.screen}>{t('rooms.share.stop')}</Button>}
        >
          {t('rooms.sharing')}
        </Banner>
      )}
      {stuck ? (
        <Banner tone="attention" action={leave}>
          {t('rooms.stuck')}
        </Banner>
      ) : (
        <Underway />
      )}
      <Troubles />
    </div>
  )
}

/** Sound and pictures are on their way. */
function Underway() {
  const t = useText()
  const state = useView(view => view.state.state)
  if (state === 'connecting') {
    return <Banner action={<Spinner />}>{t('rooms.connecting')}</Banner>
  }
  if (state !== 'reconnecting') return null
  return <Banner tone="attention">{t('rooms.restoring.whole')}</Banner>
}

function End({ end, onClose }: { end: () => Promise<void>; onClose: () => void }) {
  const t = useText()
  return (
    <Confirm title={t('rooms.end')} action={t('rooms.end')} onConfirm={end} onClose={onClose}>
      <p>{t('rooms.end.ask')}</p>
    </Confirm>
  )
}
