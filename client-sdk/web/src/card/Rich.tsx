import type { CardButton, CardValue } from '@carillon/client'
import { useCallback } from 'react'
import type { Shown } from '../chat/RowView.tsx'
import type { Rich as Body, Message } from '../model/message.ts'
import { CardView } from './CardView.tsx'
import { Markdown } from './Markdown.tsx'
import { beginsWith } from './markdown.ts'
import './card.css'

/** What a button of a meeting's card is called that leads into it: `join:` and the room. */
const JOIN = /^join:([0-9A-Z]+)$/

/** Where a button of a meeting's card leads. */
function meetingOf({ act = '' }: CardButton): string | undefined {
  const room = JOIN.exec(act)?.[1]
  return room && `/meet/${room}`
}

/** What a message says that is more than a text. */
export default function Rich({
  message,
  rich,
  shown,
}: {
  message: Message
  rich: Body
  shown: Shown
}) {
  const { me, talk } = shown
  const { seq, mentions } = message
  const act = useCallback(
    async (act: string, values: Record<string, CardValue>) => {
      if (seq !== undefined) await talk.act(seq, act, values)
    },
    [talk, seq],
  )
  if (rich.kind === 'card') {
    const inside = rich.owner === 'room' ? meetingOf : undefined
    return <CardView card={rich.card} me={me} act={act} inside={inside} />
  }
  return (
    <div className="words">
      {rich.title !== undefined && !beginsWith(rich.text, rich.title) && (
        <p className="card-title" dir="auto">
          {rich.title}
        </p>
      )}
      <Markdown text={rich.text} mentions={mentions} me={me} />
    </div>
  )
}
