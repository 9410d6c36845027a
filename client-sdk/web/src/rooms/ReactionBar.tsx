import { useEffect, useRef } from 'react'
import { useText } from '../texts/language.tsx'
import './bar.css'
import { useMeeting } from './hooks.ts'

/** What says something without a word in between. */
const EMOJI = ['👍', '👏', '❤️', '😂', '😮', '🎉'] as const

/** A few emoji to show everybody for a moment. */
export function ReactionBar({ onClose }: { onClose: () => void }) {
  const t = useText()
  const meeting = useMeeting()
  const bar = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const opener = document.activeElement
    bar.current?.querySelector('button')?.focus()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <div
      ref={bar}
      className="reactions"
      role="toolbar"
      aria-label={t('rooms.react')}
      onKeyDown={event => {
        if (event.key === 'Escape') onClose()
      }}
    >
      {EMOJI.map(emoji => (
        <button
          key={emoji}
          type="button"
          className="reaction"
          onClick={() => void meeting.try(() => meeting.room.react(emoji))}
        >
          {emoji}
        </button>
      ))}
    </div>
  )
}
