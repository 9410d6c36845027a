import { Copy, Trash2 } from 'lucide-react'
import { useClient } from '../app/workspace.ts'
import type { Pending } from '../model/pending.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { copy } from './copy.ts'

/** Messages that were refused because the person is no longer in the conversation. */
export default function Stranded({ messages }: { messages: readonly Pending[] }) {
  const t = useText()
  const client = useClient()
  return (
    <ul className="stranded">
      {messages.map(({ cid, text }) => (
        <li key={cid}>
          <Banner tone="danger">
            <p>{t('chat.stranded')}</p>
            <bdi className="stranded-text">{text}</bdi>
            <div className="stranded-actions">
              <Button look="quiet" icon={<Copy />} onClick={() => void copy(t, text)}>
                {t('chat.copy')}
              </Button>
              <Button look="quiet" icon={<Trash2 />} onClick={() => void client.discard(cid)}>
                {t('chat.discard')}
              </Button>
            </div>
          </Banner>
        </li>
      ))}
    </ul>
  )
}
