/** What the parts of a meeting share: the platform's WebRTC, and calls about it. */

import type { Args, Op, Reply } from '../http.ts'
import type { RoomIceServer, RoomParticipantId, RoomSource } from '../protocol.ts'

/** The WebRTC to use. Browsers have it; Node is given one, as of `@roamhq/wrtc`. */
export interface Rtc {
  RTCPeerConnection: typeof RTCPeerConnection
  MediaStream: typeof MediaStream
}

/** Asks the server for as long as the connections live that this is about. */
export type Ask = <O extends Op>(op: O, args: Args<O>) => Promise<Reply<O>>

/** What a connection needs to come about, and who hears of it. */
export interface Setup {
  readonly rtc: Rtc
  readonly iceServers: readonly RoomIceServer[]
  readonly participant: RoomParticipantId
  readonly ask: Ask
  /** The state of the connection is another one. */
  readonly changed: (state: RTCPeerConnectionState) => void
}

/** Everything that a participant can send, in the order of the media sections. */
export const SOURCES: readonly RoomSource[] = ['microphone', 'camera', 'screen', 'screen_audio']

/** Whether it is heard, not seen. */
export function isAudio(source: RoomSource): boolean {
  return source === 'microphone' || source === 'screen_audio'
}

/** A new connection, over which everything goes by one path. */
export function connection({ rtc, iceServers, changed }: Setup): RTCPeerConnection {
  const servers = iceServers.map(({ urls, ...secret }) => ({ urls: [...urls], ...secret }))
  const pc = new rtc.RTCPeerConnection({ iceServers: servers, bundlePolicy: 'max-bundle' })
  pc.addEventListener('connectionstatechange', () => changed(pc.connectionState))
  return pc
}

/** Does one thing after the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Does this when all before is done, well or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const own = this.#last.then(task, task)
    this.#last = own.catch(() => {})
    return own
  }
}
