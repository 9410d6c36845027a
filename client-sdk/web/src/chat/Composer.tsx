import type { ConvId } from '@carillon/client'
import { AtSign, SendHorizontal, Smile, Vote } from 'lucide-react'
import { type KeyboardEvent, lazy, memo, Suspense, useId, useState } from 'react'
import { useClient } from '../app/workspace.ts'
import type { Draft } from '../model/drafts.ts'
import { callsEverybody, completed, mentionsIn } from '../model/mention.ts'
import type { Sheet } from '../model/sheet.ts'
import type { Talk } from '../model/talk.ts'
import { inserted, isComposing, onEnter, room, sendable, sendKey } from '../model/writing.ts'
import { type Text, useText } from '../texts/language.tsx'
import { IconButton } from '../ui/Button.tsx'
import './composer.css'
import { EmojiBar } from './EmojiBar.tsx'
import { MentionList } from './MentionList.tsx'
import { useIsPhone } from './panels.ts'
import { notKept } from './refused.ts'
import { useDraft } from './useDraft.ts'
import { useMentioning } from './useMentioning.ts'
import { type TextBox, useTextBox } from './useTextBox.ts'

const PollForm = lazy(() => import('./PollForm.tsx'))

export interface ComposerProps {
  id: ConvId
  talk: Talk
  /** What the conversation is called. */
  title: string
}

/** The box to write in. It is not drawn again with every message. */
export const Composer = memo(function Composer({ id, talk, title }: ComposerProps) {
  const t = useText()
  const phone = useIsPhone()
  const { draft, write: setDraft, hand } = useDraft(id, talk)
  const box = useTextBox(draft.text, !phone)
  const [emoji, setEmoji] = useState(false)
  const mentioning = useMentioning({ conv: id, talk, draft, box })
  const { send, error, clearError } = useSending({ id, talk, hand })
  const left = room(draft.text)
  const canSend = sendable(draft.text) !== '' && (left ?? 0) >= 0
  const hint = useId()
  const write = (text: string, cursor?: number) => {
    setDraft({ ...draft, text })
    clearError()
    if (cursor !== undefined) box.moveTo(cursor)
  }
  const put = (what: string) => {
    const { from, to } = box.selection()
    const next = inserted(draft.text, from, to, what)
    write(next.text, next.cursor)
  }
  const pick = (name: string, user: string) => {
    if (!mentioning.asking) return
    const next = completed(draft.text, mentioning.asking, box.selection().to, name)
    setDraft({ text: next.text, picks: [...draft.picks, { user, name }] })
    box.moveTo(next.cursor)
  }
  const showEmoji = (open: boolean) => {
    setEmoji(open)
    if (!open) box.moveTo(box.selection().to)
  }
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event.nativeEvent, box.composedAt())) return
    if (mentioning.onKey(event, pick)) return
    if (event.key !== 'Enter') return
    if (onEnter(event.nativeEvent, sendKey(), phone) === 'line') return
    event.preventDefault()
    if (canSend) send()
  }
  return (
    <div className="composer">
      <MentionList mentioning={mentioning} onPick={pick} />
      {emoji && <EmojiBar onPick={put} onClose={() => showEmoji(false)} />}
      <Notice t={t} left={left} error={error} />
      <div className="composer-box">
        <textarea
          ref={box.ref}
          className="composer-text"
          rows={1}
          aria-label={t('chat.write', { title })}
          aria-describedby={hint}
          aria-autocomplete="list"
          aria-controls={mentioning.open ? mentioning.id : undefined}
          aria-activedescendant={mentioning.active}
          placeholder={t('chat.write.here')}
          enterKeyHint={phone ? 'enter' : 'send'}
          value={draft.text}
          onChange={event => write(event.target.value)}
          onSelect={mentioning.look}
          onBlur={mentioning.shut}
          onCompositionEnd={box.onCompositionEnd}
          onKeyDown={onKeyDown}
        />
        <Tools id={id} emoji={emoji} box={box} onEmoji={showEmoji} onPut={put} />
        <SendButton disabled={!canSend} onSend={send} />
      </div>
      <Hint id={hint} phone={phone} />
    </div>
  )
})

/** What is put into the text without a keyboard for it, and what else can be begun here. */
function Tools({
  id,
  emoji,
  box,
  onEmoji,
  onPut,
}: {
  id: ConvId
  emoji: boolean
  box: TextBox
  onEmoji: (open: boolean) => void
  onPut: (what: string) => void
}) {
  const t = useText()
  const [asking, setAsking] = useState(false)
  return (
    <div className="composer-tools">
      <IconButton
        label={t('chat.emoji')}
        icon={<Smile />}
        aria-expanded={emoji}
        onClick={() => onEmoji(!emoji)}
      />
      <IconButton
        label={t('chat.mention')}
        icon={<AtSign />}
        onClick={() => onPut(needsSpace(box) ? ' @' : '@')}
      />
      <IconButton label={t('polls.open')} icon={<Vote />} onClick={() => setAsking(true)} />
      {asking && (
        <Suspense>
          <PollForm conv={id} onClose={() => setAsking(false)} />
        </Suspense>
      )}
    </div>
  )
}

function SendButton({ disabled, onSend }: { disabled: boolean; onSend: () => void }) {
  const t = useText()
  return (
    <button
      type="button"
      className="composer-send"
      disabled={disabled}
      aria-label={t('chat.send')}
      title={t('chat.send')}
      // The keyboard of a phone stays where it is.
      onPointerDown={event => event.preventDefault()}
      onClick={onSend}
    >
      <SendHorizontal aria-hidden="true" />
    </button>
  )
}

/** What Enter does here. */
function Hint({ id, phone }: { id: string; phone: boolean }) {
  const t = useText()
  const words = sendKey() === 'enter' ? t('chat.send.enter') : t('chat.send.ctrl')
  return (
    <p id={id} className={phone ? 'visually-hidden' : 'composer-hint'}>
      {phone ? null : words}
    </p>
  )
}

/** An address ends where an `@` follows a letter. */
function needsSpace(box: TextBox): boolean {
  const text = box.ref.current?.value ?? ''
  return /[\w.]$/.test(text.slice(0, box.selection().from))
}

/** What is in the way of sending. */
function Notice({ t, left, error }: { t: Text; left: number | undefined; error: unknown }) {
  if (error !== undefined) {
    return (
      <p className="composer-notice danger" role="alert">
        {notKept(t, error)}
      </p>
    )
  }
  if (left === undefined) return null
  return (
    <p className={left < 0 ? 'composer-notice danger' : 'composer-notice'} role="status">
      {left < 0 ? t('chat.room.over', { count: -left }) : t('chat.room', { count: left })}
    </p>
  )
}

/** Gives the text to the outbox; what that does not take stays in the box. */
function useSending({ id, talk, hand }: { id: ConvId; talk: Talk; hand: Sheet['hand'] }) {
  const client = useClient()
  const [error, setError] = useState<unknown>()
  const keep = async (draft: Draft) => {
    const text = sendable(draft.text)
    const mentions = mentionsIn(text, draft.picks)
    const body = { kind: 'text' as const, text, ...(mentions.length > 0 ? { mentions } : {}) }
    const everybody = callsEverybody(text, draft.picks)
    const { sent } = await client.queue({ conv: id, body, ...(everybody && { everybody }) })
    // If the server refuses it, the message itself says so.
    sent.catch(() => {})
  }
  const send = () => {
    setError(undefined)
    hand(keep).catch(setError)
    void talk.newest()
  }
  return { send, error, clearError: () => setError(undefined) }
}
