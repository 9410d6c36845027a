import { Clock3, TriangleAlert } from 'lucide-react'
import { useCount } from '../model/hooks.ts'
import type { Message } from '../model/message.ts'
import type { Count } from '../model/receipts.ts'
import { type Text, useText } from '../texts/language.tsx'
import { Time } from './MessageRow.tsx'
import type { Shown } from './RowView.tsx'

/** How far an own message has come: in words, and for all rows in the same space. */
export function MessageState({ message, shown }: { message: Message; shown: Shown }) {
  const t = useText()
  const count = useCount(shown.talk, message.seq)
  return (
    <span className="message-state">
      {message.state === 'queued' && (
        <span className="state-waiting">
          <Clock3 aria-hidden="true" />
          {t('chat.sending')}
        </span>
      )}
      {message.state === 'refused' && <TriangleAlert className="danger" aria-hidden="true" />}
      <span className="receipt-place">
        {message.seq !== undefined && count !== undefined && count.total > 0 && (
          <Receipt count={count} seq={message.seq} shown={shown} />
        )}
      </span>
      <Time message={message} shown={shown} />
    </span>
  )
}

function Receipt({ count, seq, shown }: { count: Count; seq: number; shown: Shown }) {
  const t = useText()
  const words = stateOf(t, count)
  const isRead = count.read >= count.total
  return (
    <button
      type="button"
      className={isRead ? 'receipt receipt-read' : 'receipt'}
      aria-label={t('chat.receipt.open', { state: words })}
      onClick={() => shown.onReceipts(seq)}
    >
      {words}
    </button>
  )
}

/** Between two people it is read or not; among more it matters of how many it is not. */
function stateOf(t: Text, { read, total }: Count): string {
  if (total === 1) return read === 1 ? t('chat.read') : t('chat.unread.one')
  return read >= total ? t('chat.read.all') : t('chat.unread.some', { count: total - read })
}
