import { MessagesSquare } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { useLocation, useParams } from 'wouter'
import { useTitle } from '../app/title.ts'
import { useText } from '../texts/language.tsx'
import { Empty } from '../ui/Notice.tsx'
import './chats.css'
import { ConversationList } from './ConversationList.tsx'
import { ConversationPage } from './ConversationPage.tsx'

const NewChat = lazy(() => import('./NewChat.tsx'))
const NewGroup = lazy(() => import('./NewGroup.tsx'))

/** What is made new. */
export type Making = 'chat' | 'group'

/** All conversations, and the one that is open beside them. */
export function Chats() {
  const { conv } = useParams<{ conv?: string }>()
  const [, navigate] = useLocation()
  const [making, setMaking] = useState<Making>()
  const opened = (id: string) => {
    setMaking(undefined)
    navigate(`/c/${id}`)
  }
  return (
    <div className={conv ? 'chats chats-open' : 'chats'}>
      <ConversationList current={conv} onMake={setMaking} />
      {conv ? <ConversationPage key={conv} id={conv} /> : <NothingOpen />}
      <Suspense fallback={null}>
        {making === 'chat' && <NewChat onOpened={opened} onClose={() => setMaking(undefined)} />}
        {making === 'group' && <NewGroup onOpened={opened} onClose={() => setMaking(undefined)} />}
      </Suspense>
    </div>
  )
}

function NothingOpen() {
  const t = useText()
  useTitle(t('nav.chats'))
  return (
    <section className="chats-nothing">
      <Empty icon={<MessagesSquare aria-hidden="true" />} title={t('chat.choose')} />
    </section>
  )
}
