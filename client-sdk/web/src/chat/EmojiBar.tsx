import { type KeyboardEvent, useState } from 'react'
import { useText } from '../texts/language.tsx'

/** What people answer in an office, two rows of a phone's width. */
const EMOJI = [
  ...['👍', '👌', '🙏', '✅', '❌', '👏', '💪', '🙌'],
  ...['😊', '😂', '😅', '😭', '😱', '🤔', '🙄', '😴'],
  ...['❤️', '🎉', '🔥', '⏰', '☔', '🧋', '🍱', '👋'],
]

/** A few emoji to put into the text. */
export function EmojiBar({
  onPick,
  onClose,
}: {
  onPick: (emoji: string) => void
  onClose: () => void
}) {
  const t = useText()
  const [at, setAt] = useState(0)
  const move = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'Escape') onClose()
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    const next = (at + step + EMOJI.length) % EMOJI.length
    setAt(next)
    event.currentTarget.querySelectorAll('button')[next]?.focus()
  }
  return (
    <div className="emoji-bar" role="toolbar" aria-label={t('chat.emoji')} onKeyDown={move}>
      {EMOJI.map((emoji, index) => (
        <button
          key={emoji}
          type="button"
          className="emoji"
          tabIndex={index === at ? 0 : -1}
          onFocus={() => setAt(index)}
          onClick={() => onPick(emoji)}
        >
          {emoji}
        </button>
      ))}
    </div>
  )
}
