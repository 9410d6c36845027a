/** The order of the conversations, kept without sorting all of them for each event. */

import type { ConvId } from '@carillon/client'
import { byActivity, type Conversation } from './conversation.ts'

type ById = ReadonlyMap<ConvId, Conversation>

/** All of them, in their order. */
export function sorted(byId: ById): ConvId[] {
  return [...byId.values()].sort(byActivity).map(conv => conv.id)
}

/**
 * The order once one of them has changed, come or gone; the same array if it is still right. The
 * others stand in their order already.
 */
export function moved(order: readonly ConvId[], byId: ById, id: ConvId): readonly ConvId[] {
  const at = order.indexOf(id)
  const conv = byId.get(id)
  if (!conv) return at < 0 ? order : order.filter(other => other !== id)
  const isBefore = (other: ConvId | undefined) => compare(byId, other, conv) < 0
  const [above, below] = [order[at - 1], order[at + 1]]
  const fits = (above === undefined || isBefore(above)) && (below === undefined || !isBefore(below))
  if (at >= 0 && fits) return order
  const others = at < 0 ? order : order.filter(other => other !== id)
  let [from, to] = [0, others.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (isBefore(others[middle])) from = middle + 1
    else to = middle
  }
  return [...others.slice(0, from), id, ...others.slice(from)]
}

function compare(byId: ById, other: ConvId | undefined, conv: Conversation): number {
  const known = other === undefined ? undefined : byId.get(other)
  return known ? byActivity(known, conv) : 1
}
