/**
 * The way in for people without an account: by a link, which somebody of the meeting made with
 * `room.link`.
 */

import { rpc } from '../http.ts'
import type { RoomEntered, RoomInvitation } from '../protocol.ts'

/** How a link is used. */
export interface LinkOptions {
  /** Gives the call up; it may have happened or not. */
  signal?: AbortSignal
}

/**
 * What a guest's link is for, before somebody says who they are.
 *
 * @throws {CarillonError} `E_NOT_FOUND` if there is no such link, `E_CONFLICT` if it does not work
 * any more (`field` is `secret`) or the meeting is over.
 */
export function lookAtLink(
  url: string,
  secret: string,
  how: LinkOptions = {},
): Promise<RoomInvitation> {
  return rpc(url, 'room.look', { secret }, how)
}

/**
 * Enters by a guest's link, under a name. What it answers opens a client, for that room and as long
 * as the session lasts; whoever keeps it, as a page that is loaded again, needs no link:
 *
 * ```ts
 * const { token, user, room } = await enterAsGuest(url, secret, 'Mei')
 * const client = await Client.connect({ url, token, user })
 * const meeting = await joinRoom(client, room) // and waits to be let in
 * ```
 *
 * It is not asked again by itself: each call makes another guest.
 *
 * @throws {CarillonError} as `lookAtLink`; `E_BAD_ARG` if the name cannot be shown (`field` is
 * `name`), `E_FORBIDDEN` if the meeting is locked, `E_RATE` if too many come from this network.
 */
export function enterAsGuest(
  url: string,
  secret: string,
  name: string,
  how: LinkOptions = {},
): Promise<RoomEntered> {
  return rpc(url, 'room.enter', { secret, name }, how)
}
