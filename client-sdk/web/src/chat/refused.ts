import { CarillonError, type Cid, type Client, type ErrorBody } from '@carillon/client'
import { failure } from '../texts/failure.ts'
import type { Text } from '../texts/language.tsx'
import { toast } from '../ui/Toast.tsx'

/** The error of a refused message, to be put into words. */
export function refusalOf(body: ErrorBody): CarillonError {
  return new CarillonError(body)
}

/** Sends a refused message once more: what was wrong may have changed. */
export async function retry(client: Client, t: Text, cid: Cid): Promise<void> {
  const queued = client.outbox.find(entry => entry.cid === cid)
  if (!queued) return
  try {
    const { sent } = await client.queue(queued.message, cid)
    // If it is refused again the row says so.
    sent.catch(() => {})
  } catch (error) {
    toast('danger', notKept(t, error))
  }
}

/** Why the outbox does not take a message. */
export function notKept(t: Text, error: unknown): string {
  const code = error instanceof CarillonError ? error.code : undefined
  if (code === 'E_OUTBOX_FULL') return t('chat.write.full')
  if (code === 'E_STORAGE') return t('chat.write.storage')
  return t('chat.write.failed', { reason: failure(t, error) })
}
