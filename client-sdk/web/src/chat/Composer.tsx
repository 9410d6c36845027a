import { AtSign, SendHorizontal, Smile } from 'lucide-react'
import { type KeyboardEvent, useId, useState } from 'react'
import { useClient } from '../app/workspace.ts'
import type { Conversation } from '../model/conversation.ts'
import { completed, mentionsIn } from '../model/mention.ts'
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
import { useTextBox } from './useTextBox.ts'

/** The box to write in. */
export function Composer({ conv, talk, title }: { conv: Conversation; talk: Talk; title: string }) {
  const t = useText()
  const phone = useIsPhone()
  const box = useTextBox(!phone)
  const [draft, setDraft] = useDraft(conv.id)
  const [emoji, setEmoji] = useState(false)
  const mentioning = useMentioning({ talk, draft, box })
  const { send, error, clearError } = useSending({ conv, talk, draft, setDraft })
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
      {emoji && <EmojiBar onPick={put} />}
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
        <div className="composer-tools">
          <IconButton
            label={t('chat.emoji')}
            icon={<Smile />}
            aria-expanded={emoji}
            onClick={() => {
              setEmoji(!emoji)
              if (emoji) box.moveTo(box.selection().to)
            }}
          />
          <IconButton
            label={t('chat.mention')}
            icon={<AtSign />}
            onClick={() => put(needsSpace(draft.text, box.selection().from) ? ' @' : '@')}
          />
          <button
            type="button"
            className="composer-send"
            disabled={!canSend}
            aria-label={t('chat.send')}
            title={t('chat.send')}
            // The keyboard of a phone stays where it is.
            onPointerDown={event => event.preventDefault()}
            onClick={send}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
      </div>
      <p id={hint} className={phone ? 'visually-hidden' : 'composer-hint'}>
        {sendKey() === 'enter' && !phone ? t('chat.send.enter') : null}
        {sendKey() === 'ctrl-enter' && !phone ? t('chat.send.ctrl') : null}
      </p>
    </div>
  )
}

/** An address ends where an `@` follows a letter. */
function needsSpace(text: string, at: number): boolean {
  return /[\w.]$/.test(text.slice(0, at))
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
function useSending({
  conv,
  talk,
  draft,
  setDraft,
}: {
  conv: Conversation
  talk: Talk
  draft: ReturnType<typeof useDraft>[0]
  setDraft: ReturnType<typeof useDraft>[1]
}) {
  const client = useClient()
  const [error, setError] = useState<unknown>()
  const send = async () => {
    const text = sendable(draft.text)
    const mentions = mentionsIn(text, draft.picks)
    const body = { kind: 'text' as const, text, ...(mentions.length > 0 ? { mentions } : {}) }
    setDraft({ text: '', picks: [] })
    setError(undefined)
    void talk.newest()
    try {
      const { sent } = await client.queue({ conv: conv.id, body })
      // If the server refuses it, the message itself says so.
      sent.catch(() => {})
    } catch (thrown) {
      setDraft(now => (now.text === '' ? draft : now))
      setError(thrown)
    }
  }
  return { send: () => void send(), error, clearError: () => setError(undefined) }
}
