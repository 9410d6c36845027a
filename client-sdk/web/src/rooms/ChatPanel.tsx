import { lazy, Suspense, useEffect, useState } from 'react'
import { Composer } from '../chat/Composer.tsx'
import '../chat/conversation.css'
import { MessageList } from '../chat/MessageList.tsx'
import { Panel } from '../chat/Panel.tsx'
import { useTitleOf } from '../chat/titles.ts'
import type { Conversation } from '../model/conversation.ts'
import { useTalk } from '../model/hooks.ts'
import { useText } from '../texts/language.tsx'

const Receipts = lazy(() => import('../chat/Receipts.tsx'))

/** The conversation that the meeting belongs to. */
export function ChatPanel({ conv, onClose }: { conv: Conversation; onClose: () => void }) {
  const t = useText()
  const talk = useTalk(conv.id)
  const title = useTitleOf(conv)
  const [receiptsOf, setReceiptsOf] = useState<number>()
  // What is unread is marked as it was when the panel was opened.
  // biome-ignore lint/correctness/useExhaustiveDependencies: not again with every message
  useEffect(() => {
    talk.open(conv)
    return () => talk.close()
  }, [talk])
  if (receiptsOf !== undefined) {
    const back = () => setReceiptsOf(undefined)
    return (
      <Suspense>
        <Receipts talk={talk} conv={conv} seq={receiptsOf} onClose={back} />
      </Suspense>
    )
  }
  return (
    <Panel title={t('rooms.chat')} onClose={onClose}>
      <div className="meet-chat talk">
        <MessageList
          conv={conv}
          talk={talk}
          covered={false}
          receiptsOf={undefined}
          onReceipts={setReceiptsOf}
        />
        <Composer id={conv.id} talk={talk} title={title} />
      </div>
    </Panel>
  )
}
