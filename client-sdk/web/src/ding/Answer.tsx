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
import { keyOf } from './alerts.ts'
import { useAlerts, useAlertsState } from './hooks.ts'

/** As many characters as a reply or a reason may have. */
const WORDS_MAX = 500

export interface AnswerProps {
  ding: Ding
  /** Whether it is too early to press anything. */
  early?: boolean
  /** Somebody begins to answer. */
  onBegin?: () => void
  /** The server has it. */
  onAnswered?: () => void
}

/** Confirm, decline with a reason, or confirm with a reply; and whether the server has it. */
export function Answer(props: AnswerProps) {
  const { ding, early = false, onBegin, onAnswered } = props
  const t = useText()
  const offline = useIsOffline(useClient())
  const alerts = useAlerts()
  const key = keyOf(ding)
  const answering = useAlertsState(({ answering }) => answering[key])
  const [writing, setWriting] = useState<'reply' | 'reason' | undefined>(() => {
    const written = alerts.answers.get(key)
    // A reason waits behind its button: nobody declines where they mean to confirm.
    return written?.words && written.what === 'reply' ? written.what : undefined
  })
  const busy = answering?.state === 'sending'
  const write = (what: 'reply' | 'reason' | undefined) => {
    alerts.takeBack(key)
    setWriting(what)
    if (what) onBegin?.()
  }
  const say = async (given: Promise<boolean>) => {
    onBegin?.()
    if (await given) onAnswered?.()
  }
  const decline = (reason: string) => say(alerts.decline(ding, reason))
  const confirm = (reply?: string) => say(alerts.confirm(ding, reply))
  return (
    <div className="ding-answer">
      {busy && offline && <Banner tone="attention">{t('ding.waits')}</Banner>}
      {answering?.state === 'failed' && (
        <Banner tone={answering.again ? 'attention' : 'danger'}>
          {t(answering.again ? 'ding.again' : 'ding.failed', {
            why: failure(t, answering.error),
          })}
        </Banner>
      )}
      {writing ? (
        <Words
          key={writing}
          of={key}
          what={writing}
          busy={busy}
          early={early}
          onSay={words => void (writing === 'reply' ? confirm(words) : decline(words))}
          onBack={() => write(undefined)}
        />
      ) : (
        <div className="ding-answer-buttons">
          {ding.reply_required && <p className="ding-answer-hint">{t('ding.reply.needed')}</p>}
          {ding.reply_required ? (
            <Button
              look="primary"
              icon={<MessageSquareReply />}
              busy={busy}
              disabled={early}
              onClick={() => write('reply')}
            >
              {t('ding.reply')}
            </Button>
          ) : (
            <Button
              look="primary"
              icon={<Check />}
              busy={busy}
              disabled={early}
              onClick={() => void confirm()}
            >
              {ding.mine?.instead_of ? t('ding.take') : t('ding.confirm')}
            </Button>
          )}
          {!ding.reply_required && (
            <Button
              icon={<MessageSquareReply />}
              disabled={busy || early}
              onClick={() => write('reply')}
            >
              {t('ding.reply')}
            </Button>
          )}
          {!ding.mine?.instead_of && (
            <Button icon={<X />} disabled={busy || early} onClick={() => write('reason')}>
              {t('ding.decline')}
            </Button>
          )}
        </div>
      )}
    </div>
  )
}

function Words(props: {
  /** The alert, as answers are kept by. */
  of: string
  what: 'reply' | 'reason'
  busy: boolean
  early: boolean
  onSay: (words: string) => void
  onBack: () => void
}) {
  const { of, what, busy, early, onSay, onBack } = props
  const t = useText()
  const { answers } = useAlerts()
  const [words, setWords] = useState(() => {
    const written = answers.get(of)
    return written?.what === what ? written.words : ''
  })
  const [missing, setMissing] = useState(false)
  const isReply = what === 'reply'
  const write = (words: string) => {
    setWords(words)
    answers.keep(of, { what, words, given: false })
  }
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
        onChange={event => write(event.target.value)}
        readOnly={busy}
      />
      <div className="ding-answer-buttons">
        <Button look="primary" type="submit" busy={busy} disabled={early}>
          {isReply ? t('ding.reply.send') : t('ding.decline.send')}
        </Button>
        <Button disabled={busy} onClick={onBack}>
          {t('back')}
        </Button>
      </div>
    </form>
  )
}
