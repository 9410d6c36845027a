import type { UserId } from '@carillon/client'
import { memo, useMemo } from 'react'
import { usePeople } from '../model/hooks.ts'
import type { Message } from '../model/message.ts'
import { type Part, partsOf } from '../model/words.ts'
import { useText } from '../texts/language.tsx'
import { everybodyIn } from './everybody.ts'
import { instead } from './useLine.ts'

/** A message's text: what can be clicked is, who is mentioned stands out, nothing else is done. */
export const Words = memo(function Words({ message, me }: { message: Message; me: UserId }) {
  const t = useText()
  const { text, mentions, everybody } = message
  const named = usePeople(mentions)
  const people = useMemo(
    () => (everybody ? [...named, ...everybodyIn(t).map(name => ({ user: me, name }))] : named),
    [named, everybody, me, t],
  )
  const parts = useMemo(() => partsOf(text ?? '', people), [text, people])
  if (text === undefined) return <p className="words words-unknown">{t(instead(message))}</p>
  return (
    <p className="words" dir="auto">
      {parts.map((part, number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name, and do not move
        <PartView key={number} part={part} me={me} />
      ))}
    </p>
  )
})

export function PartView({ part, me }: { part: Part; me: UserId }) {
  if (part.kind === 'text') return part.text
  if (part.kind === 'mention') {
    return <bdi className={part.user === me ? 'mention mention-me' : 'mention'}>{part.text}</bdi>
  }
  return (
    <a href={part.href} target="_blank" rel="noopener noreferrer">
      {part.text}
    </a>
  )
}
