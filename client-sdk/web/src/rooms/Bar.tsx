import {
  CircleQuestionMark,
  Ellipsis,
  GalleryVerticalEnd,
  Hand,
  LayoutGrid,
  MessageSquare,
  Mic,
  MicOff,
  PhoneOff,
  ScreenShare,
  ScreenShareOff,
  Settings2,
  SmilePlus,
  Users,
  Video,
  VideoOff,
} from 'lucide-react'
import type { MouseEvent, ReactNode } from 'react'
import { useScreen } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'
import { Menu, type MenuItem } from '../ui/Menu.tsx'
import './bar.css'
import type { Deeds } from './deeds.ts'
import { moderates, useKnocking, useSelf } from './hooks.ts'

/** What stands beside the stage. */
export type Beside = 'people' | 'chat' | undefined
/** What lies over everything. */
export type Above = 'devices' | 'help' | 'end' | undefined

export interface BarProps {
  deeds: Deeds
  beside: Beside
  reacting: boolean
  look: 'grid' | 'speaker'
  /** Whether there is a conversation to read here. */
  talks: boolean
  onBeside: (beside: Beside) => void
  onAbove: (above: Above) => void
  onReacting: (reacting: boolean) => void
  onLook: (look: 'grid' | 'speaker') => void
}

/** What a person does in a meeting, with one finger. On a phone the rarer things are in a menu. */
export function Bar(props: BarProps) {
  const { deeds, beside, reacting, onBeside, onReacting } = props
  const t = useText()
  const isNarrow = useScreen('(max-width: 767px)')
  const self = useSelf()
  const isUp = self?.hand_at !== undefined
  const waiting = useKnocking().length
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys keep the focus where it is
    <div className="bar" role="toolbar" aria-label={t('rooms.controls')} onClick={letGo}>
      <Microphone deeds={deeds} />
      <Camera deeds={deeds} />
      {!isNarrow && <Screen deeds={deeds} />}
      <Control
        label={isUp ? t('rooms.hand.lower') : t('rooms.hand')}
        icon={<Hand />}
        lit={isUp}
        onClick={deeds.hand}
      />
      <Control
        label={t('rooms.react')}
        icon={<SmilePlus />}
        expanded={reacting}
        onClick={() => onReacting(!reacting)}
      />
      {!isNarrow && (
        <>
          <Control
            label={t('rooms.people')}
            icon={<Users />}
            badge={waiting}
            expanded={beside === 'people'}
            onClick={() => onBeside(beside === 'people' ? undefined : 'people')}
          />
          {props.talks && (
            <Control
              label={t('rooms.chat')}
              icon={<MessageSquare />}
              expanded={beside === 'chat'}
              onClick={() => onBeside(beside === 'chat' ? undefined : 'chat')}
            />
          )}
        </>
      )}
      <More {...props} narrow={isNarrow} waiting={waiting} />
      <Leave deeds={deeds} ends={moderates(self)} onEnd={() => props.onAbove('end')} />
    </div>
  )
}

/** Whoever pressed by hand talks with the next Space, and does not press the same again. */
function letGo(event: MouseEvent): void {
  const isByHand = event.detail > 0
  if (isByHand && document.activeElement instanceof HTMLElement) document.activeElement.blur()
}

/** A button with a picture and a word. */
function Control({
  label,
  icon,
  off = false,
  lit = false,
  expanded,
  badge = 0,
  onClick,
}: {
  label: string
  icon: ReactNode
  /** Whether what it stands for is off, which people must see. */
  off?: boolean
  /** Whether it is on. What it does then is said by its label, which a state would deny. */
  lit?: boolean
  expanded?: boolean
  badge?: number
  onClick: () => void
}) {
  const classes = ['control', off && 'control-off', lit && 'control-lit']
  return (
    <button
      type="button"
      className={classes.filter(Boolean).join(' ')}
      aria-expanded={expanded}
      onClick={onClick}
    >
      <span className="control-icon" aria-hidden="true">
        {icon}
        {badge > 0 && <span className="badge">{badge}</span>}
      </span>
      <span>{label}</span>
    </button>
  )
}

function Microphone({ deeds }: { deeds: Deeds }) {
  const t = useText()
  const { on } = deeds
  return (
    <Control
      label={on.microphone ? t('rooms.mute') : t('rooms.unmute')}
      icon={on.microphone ? <Mic /> : <MicOff />}
      off={!on.microphone}
      onClick={deeds.microphone}
    />
  )
}

function Camera({ deeds }: { deeds: Deeds }) {
  const t = useText()
  const { on } = deeds
  return (
    <Control
      label={on.camera ? t('rooms.camera.stop') : t('rooms.camera.start')}
      icon={on.camera ? <Video /> : <VideoOff />}
      off={!on.camera}
      onClick={deeds.camera}
    />
  )
}

function Screen({ deeds }: { deeds: Deeds }) {
  const t = useText()
  if (!canShare()) return null
  return (
    <Control
      label={deeds.on.screen ? t('rooms.share.stop') : t('rooms.share')}
      icon={deeds.on.screen ? <ScreenShareOff /> : <ScreenShare />}
      lit={deeds.on.screen}
      onClick={deeds.screen}
    />
  )
}

/** Phones have no screen to share. */
function canShare(): boolean {
  return navigator.mediaDevices !== undefined && 'getDisplayMedia' in navigator.mediaDevices
}

function More(props: BarProps & { narrow: boolean; waiting: number }) {
  const t = useText()
  const { deeds, look, narrow, waiting, onAbove, onBeside, onLook } = props
  const items: MenuItem[] = []
  if (narrow) {
    const label = waiting > 0 ? t('rooms.people.waiting', { count: waiting }) : t('rooms.people')
    items.push({ label, icon: <Users />, onSelect: () => onBeside('people') })
    if (props.talks) {
      const onSelect = () => onBeside('chat')
      items.push({ label: t('rooms.chat'), icon: <MessageSquare />, onSelect })
    }
    if (canShare()) {
      const label = deeds.on.screen ? t('rooms.share.stop') : t('rooms.share')
      items.push({ label, icon: <ScreenShare />, onSelect: deeds.screen })
    }
  }
  items.push(
    look === 'grid'
      ? {
          label: t('rooms.view.speaker'),
          icon: <GalleryVerticalEnd />,
          onSelect: () => onLook('speaker'),
        }
      : { label: t('rooms.view.grid'), icon: <LayoutGrid />, onSelect: () => onLook('grid') },
    { label: t('rooms.devices'), icon: <Settings2 />, onSelect: () => onAbove('devices') },
  )
  if (!narrow) {
    const onSelect = () => onAbove('help')
    items.push({ label: t('rooms.keys'), icon: <CircleQuestionMark />, onSelect })
  }
  const face = (
    <>
      <span className="control-icon">
        <Ellipsis aria-hidden="true" />
        {narrow && waiting > 0 && <span className="badge">{waiting}</span>}
      </span>
      <span aria-hidden="true">{t('rooms.more.do')}</span>
    </>
  )
  return (
    <div className="bar-menu">
      <Menu label={t('rooms.more.do')} icon={face} items={items} />
    </div>
  )
}

function Leave({ deeds, ends, onEnd }: { deeds: Deeds; ends: boolean; onEnd: () => void }) {
  const t = useText()
  if (!ends) {
    return (
      <button type="button" className="control control-leave" onClick={deeds.leave}>
        <span className="control-icon" aria-hidden="true">
          <PhoneOff />
        </span>
        <span>{t('rooms.leave')}</span>
      </button>
    )
  }
  const items: MenuItem[] = [
    { label: t('rooms.leave.alone'), icon: <PhoneOff />, onSelect: deeds.leave },
    { label: t('rooms.end'), icon: <PhoneOff />, danger: true, onSelect: onEnd },
  ]
  const face = (
    <>
      <span className="control-icon">
        <PhoneOff aria-hidden="true" />
      </span>
      <span aria-hidden="true">{t('rooms.leave')}</span>
    </>
  )
  return (
    <div className="bar-menu bar-leave">
      <Menu label={t('rooms.leave')} icon={face} items={items} />
    </div>
  )
}
