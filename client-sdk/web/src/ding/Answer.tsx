import type { Ding } from '@carillon/client'
import { Check, MessageSquareReply, X } from 'lucide-react'
import { useState } from 'react'
import { useIsOffline } from '../app/ConnectionBanner.tsx'
import { useClient } from '../app/workspace.ts'
import { failure } from '../texts/failure.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { TextArea } from '../ui/Field.tsx'
import { Banner } from '../ui/Notice.tsx'
import './answer.css'
import type { Answering } from './alerts.ts'

/** As many characters as a reply or a reason may have. */
const WORDS_MAX = 500

export interface AnswerProps {
  ding: Ding
  answering: Answering | undefined
  onConfirm: (reply?: string) => Promise<unknown>
  onDecline: (reason: string) => Promise<unknown>
  /** Somebody begins to write. */
  onWrite?: () => void
}

/** Confirm, decline with a reason, or confirm with a reply; and whether the server has it. */
export function Answer({ ding, answering, onConfirm, onDecline, onWrite }: AnswerProps) {
  const t = useText()
  const offline = useIsOffline(useClient())
  const [writing, setWriting] = useState<'reply' | 'reason'>()
  const busy = answering?.state === 'sending'
  const write = (what: 'reply' | 'reason') => {
    setWriting(what)
    onWrite?.()
  }
  return (
    <div className="ding-answer">
      {busy && offline && <Banner tone="attention">{t('ding.waits')}</Banner>}
      {answering?.state === 'failed' && (
        <Banner tone="danger">{t('ding.failed', { why: failure(t, answering.error) })}</Banner>
      )}
      {writing ? (
        <Words
          key={writing}
          what={writing}
          busy={busy}
          onSay={words => (writing === 'reply' ? onConfirm(words) : onDecline(words))}
          onBack={() => setWriting(undefined)}
        />
      ) : (
        <div className="ding-answer-buttons">
          {ding.reply_required && <p className="ding-answer-hint">{t('ding.reply.needed')}</p>}
          {ding.reply_required ? (
            <Button
              look="primary"
              icon={<MessageSquareReply />}
              busy={busy}
              onClick={() => write('reply')}
            >
              {t('ding.reply')}
            </Button>
          ) : (
            <Button look="primary" icon={<Check />} busy={busy} onClick={() => void onConfirm()}>
              {ding.mine?.instead_of ? t('ding.take') : t('ding.confirm')}
            </Button>
          )}
          {!ding.reply_required && (
            <Button icon={<MessageSquareReply />} disabled={busy} onClick={() => write('reply')}>
              {t('ding.reply')}
            </Button>
          )}
          {!ding.mine?.instead_of && (
            <Button icon={<X />} disabled={busy} onClick={() => write('reason')}>
              {t('ding.decline')}
            </Button>
          )}
        </div>
      )}
    </div>
  )
}

function Words({
  what,
  busy,
  onSay,
  onBack,
}: {
  what: 'reply' | 'reason'
  busy: boolean
  onSay: (words: string) => void
  onBack: () => void
}) {
  const t = useText()
  const [words, setWords] = useState('')
  const [missing, setMissing] = useState(false)
  const isReply = what === 'reply'
  const say = () => {
    if (words.trim()) onSay(words.trim())
    else setMissing(true)
  }
  return (
    <form
      className="ding-answer-words"
      noValidate
      onSubmit={event => {
        event.preventDefault()
        say()
      }}
    >
      <TextArea
        autoFocus
        label={isReply ? t('ding.reply.words') : t('ding.decline.words')}
        error={missing && !words.trim() ? t('ding.words.missing') : undefined}
        rows={2}
        maxLength={WORDS_MAX}
        value={words}
        onChange={event => setWords(event.target.value)}
      />
      <div className="ding-answer-buttons">
        <Button look="primary" type="submit" busy={busy}>
          {isReply ? t('ding.reply.send') : t('ding.decline.send')}
        </Button>
        <Button onClick={onBack}>{t('back')}</Button>
      </div>
    </form>
  )
}
