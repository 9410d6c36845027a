/** The people of one half of a message's receipts. */

import { type ConvId, LIMITS, type ReceiptPerson, type ReceiptState } from '@carillon/client'
import type { Door } from './door.ts'
import { Pages } from './pages.ts'

export interface Half {
  readonly conv: ConvId
  readonly seq: number
  readonly state: ReceiptState
}

export function readers(door: Pick<Door, 'call'>, half: Half): Pages<ReceiptPerson> {
  const limit = LIMITS.PEOPLE_PER_PAGE_MAX
  return new Pages(async after => {
    const { people, more } = await door.call('receipt.list', { ...half, after: after?.user, limit })
    return { items: people, more }
  })
}
