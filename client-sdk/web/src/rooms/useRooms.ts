import type { ConvId, Room, RoomHead } from '@carillon/client'
import { useCallback, useEffect, useRef } from 'react'
import { useLoad } from '../app/load.ts'
import { useClient } from '../app/workspace.ts'
import { is, subjectOf } from '../model/event.ts'
import { Soon } from '../model/soon.ts'

/** The meetings of a conversation. */
export interface Rooms {
  /** The one that people are in now. */
  readonly open: Room | undefined
  /** Those that are planned, the next first. */
  readonly planned: readonly RoomHead[]
}

/** Several cards change at once when people come in at the hour: they are looked at together. */
const TOGETHER_MS = 300

/** The meetings of a conversation, kept up to date by their cards; `undefined` until they are known. */
export function useRooms(conv: ConvId): { rooms: Rooms | undefined; again: () => void } {
  const client = useClient()
  const fetch = useCallback(async (): Promise<Rooms> => {
    const { rooms } = await client.call('room.list', { conv })
    const head = rooms.find(({ phase }) => phase === 'open')
    const open = head && (await client.call('room.get', { room: head.room }))
    return { open, planned: rooms.filter(({ phase }) => phase === 'planned') }
  }, [client, conv])
  const loaded = useLoad(fetch, conv)
  const { again } = loaded
  useEffect(() => {
    const soon = new Soon(again)
    const stop = client.listen(update => {
      if (update.kind !== 'event' || subjectOf(update) !== conv) return
      const { event } = update
      const isCard = is(event, 'msg.sent') && event.data.kind === 'card'
      if (isCard || is(event, 'card.updated')) soon.in(TOGETHER_MS)
    })
    return () => {
      stop()
      soon.cancel()
    }
  }, [client, conv, again])
  // What is asked for again stands as it was until the answer is there.
  const last = useRef<{ conv: ConvId; rooms: Rooms }>(undefined)
  if (loaded.state === 'there') last.current = { conv, rooms: loaded.value }
  return { rooms: last.current?.conv === conv ? last.current.rooms : undefined, again }
}
