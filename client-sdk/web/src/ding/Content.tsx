import type { Ding, DingAttachment, DingMsgRef, UserId } from '@carillon/client'
import { Download } from 'lucide-react'
import { useLocation } from 'wouter'
import { useLoad } from '../app/load.ts'
import { useClient, useMe } from '../app/workspace.ts'
import { useCalendar, usePerson } from '../model/hooks.ts'
import { messageOf } from '../model/message.ts'
import { useText } from '../texts/language.tsx'
import { Avatar } from '../ui/Avatar.tsx'
import { Button } from '../ui/Button.tsx'
import { Deadline } from './Deadline.tsx'
import './content.css'
import { useMoment } from './moments.ts'

/** What an alert says: from whom, when, because of whom, until when, and what belongs to it. */
export function Content({
  ding,
  id,
  onLeave,
}: {
  ding: Ding
  /** Of the words, for what is described by them. */
  id?: string
  /** The person goes to the message that it was made from. */
  onLeave?: () => void
}) {
  const t = useText()
  const me = useMe().user
  const calendar = useCalendar()
  const moment = useMoment()
  const sender = usePerson(ding.by)
  const name = ding.by === me ? t('chat.you') : (sender?.name ?? t('chat.someone'))
  return (
    <div className="ding-content">
      <div className="ding-from">
        <Avatar id={ding.by} name={sender?.name ?? ''} size="l" />
        <p>
          <bdi className="ding-name">{name}</bdi>
          <time dateTime={new Date(ding.at).toISOString()} title={calendar.full(ding.at)}>
            {moment(ding.at)}
          </time>
        </p>
      </div>
      {ding.mine?.instead_of !== undefined && (
        <Because user={ding.mine.instead_of} others={ding.mine.others ?? 0} />
      )}
      <p className="ding-words" id={id} tabIndex={-1} data-words="">
        {ding.text}
      </p>
      {ding.attachment && <Attached attachment={ding.attachment} />}
      {ding.about && <About of={ding.about} onLeave={onLeave} />}
      {ding.confirm_by !== undefined && <Deadline at={ding.confirm_by} />}
    </div>
  )
}

/** Somebody is called because another did not answer. */
function Because({ user, others }: { user: UserId; others: number }) {
  const t = useText()
  const person = usePerson(user)
  const name = person?.name ?? t('chat.someone')
  return (
    <p className="ding-because">
      {others > 0 ? t('ding.because.many', { name, count: others }) : t('ding.because', { name })}
    </p>
  )
}

/** Pictures that a browser shows by itself; everything else is kept as a file. */
const PICTURE = /^image\/(png|jpeg|gif|webp)$/

export function Attached({ attachment }: { attachment: DingAttachment }) {
  const t = useText()
  const { attachment: id, media_type, name, size } = attachment
  const address = `/v1/ding/attachments/${id}`
  if (media_type.startsWith('audio/')) {
    return (
      // biome-ignore lint/a11y/useMediaCaption: what somebody has said into their phone
      <audio className="ding-voice" controls src={address} aria-label={t('ding.voice')} />
    )
  }
  return (
    <div className="ding-file">
      {PICTURE.test(media_type) && <img src={address} alt={name} />}
      <a className="button button-plain" href={address} download={name}>
        <Download aria-hidden="true" />
        <span>
          <bdi>{name}</bdi> · {t('ding.kb', { size: Math.max(1, Math.round(size / 1_000)) })}
        </span>
      </a>
    </div>
  )
}

/** The message that an alert was made from, with the way there. */
function About({ of, onLeave }: { of: DingMsgRef; onLeave?: (() => void) | undefined }) {
  const t = useText()
  const client = useClient()
  const me = useMe().user
  const [, navigate] = useLocation()
  const loaded = useLoad(async () => {
    const { conv, seq } = of
    const args = { topic: `c:${conv}` as const, after: seq - 1, limit: 1 }
    const [event] = (await client.call('log.read', args)).events
    return event?.seq === seq ? messageOf(event, me) : undefined
  }, `${of.conv} ${of.seq}`)
  const message = loaded.state === 'there' ? loaded.value : undefined
  const author = usePerson(message?.by)
  const go = () => {
    onLeave?.()
    navigate(`/c/${of.conv}`)
  }
  return (
    <blockquote className="ding-about">
      {message?.text !== undefined && (
        <p>
          {author && <bdi className="ding-about-name">{author.name}</bdi>}
          <span className="ding-about-words">{message.text}</span>
        </p>
      )}
      <Button look="quiet" onClick={go}>
        {t('ding.about.go')}
      </Button>
    </blockquote>
  )
}
