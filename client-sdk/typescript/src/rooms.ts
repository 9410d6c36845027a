/**
 * Meetings, beside `@carillon/client`: who is in a room, and what they send, show and say.
 *
 * - `joinRoom` enters a room, and comes back to it by itself.
 * - `enterAsGuest` lets people without an account knock, by a link.
 * - `openMicrophone`, `openCamera` and `openScreen` get what is published.
 */

export {
  openCamera,
  openMicrophone,
  openScreen,
  type SharedScreen,
} from './room/devices.ts'
export { enterAsGuest, type LinkOptions, lookAtLink } from './room/guest.ts'
export type { MeetingState, MeetingUpdate } from './room/news.ts'
export type { MeetingClient } from './room/presence.ts'
export type { Rtc } from './room/rtc.ts'
export type { Sending } from './room/sends.ts'
export type { Line, MeetingStats, Quality, Seen, Sent } from './room/stats.ts'
export { joinRoom, type MeetingOptions, MeetingRoom } from './room.ts'
