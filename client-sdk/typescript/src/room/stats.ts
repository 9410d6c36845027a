/**
 * How well a meeting is carried, from two looks at the counters of both connections.
 *
 * Everything but `packetsLost` and `freezeCount` is of the time between the two looks, a few
 * seconds.
 */

import type { RoomParticipantId, RoomSource } from '../protocol.ts'

/** How a meeting is carried, in one word. */
export type Quality = 'good' | 'fair' | 'poor'

/** What one layer of a source that is sent comes to. */
export interface Sent {
  source: RoomSource
  /** The layer, if there are several. */
  rid?: string
  width?: number
  height?: number
  fps?: number
  /** Kilobits a second. */
  kbps: number
  /** Whether it is sent; a layer that nobody looks at is not. */
  active: boolean
}

/** What a picture that is received comes to. */
export interface Seen {
  participant: RoomParticipantId
  source: RoomSource
  width?: number
  height?: number
  fps?: number
  kbps: number
  /** How many were decoded. */
  frames: number
  /** How often it stood still, of the whole connection. */
  freezeCount: number
}

/** What both connections have in common. */
export interface Line {
  /** To the server and back, in milliseconds. */
  rttMs?: number
  kbps: number
  /** Of the whole connection. */
  packetsLost: number
  /** From 0 to 1. */
  lossShare: number
}

/** How a meeting is carried. */
export interface MeetingStats {
  /**
   * An estimate of how old a picture is when it is shown (a sound, if there is no picture), in
   * milliseconds: `networkMs`, the time in the jitter buffer, the time to decode it, and one
   * interval between two pictures, for taking and showing it. What cameras, encoders and screens
   * add beyond that no browser tells.
   */
  delayMs?: number
  /**
   * Of `delayMs`, the way: half of the round trip of the own connection for sending, which stands
   * for the other people's, and half of that of the connection for receiving.
   */
  networkMs?: number
  publish: Line & { sources: Sent[] }
  subscribe: Line & {
    /** How long sound and pictures wait to be played evenly. */
    jitterBufferMs?: number
    /** How long a picture takes to be decoded. */
    decodeMs?: number
    freezeCount: number
    videos: Seen[]
  }
}

/** A look at the counters of a connection. */
export interface Sample {
  /** When, in milliseconds. */
  at: number
  rttMs: number | undefined
  /** Whatever came: grows for as long as the connection lives. */
  heard: number
  /** Sound that came, in bytes. */
  sound: number
  streams: Stream[]
}

/** The counters of one stream. */
export interface Stream {
  id: string
  direction: 'in' | 'out'
  kind: string
  mid: string | undefined
  rid: string | undefined
  active: boolean
  bytes: number
  packets: number
  lost: number
  /** Of what is sent, as the receiver counts it; of 1. */
  lossShare: number
  width: number | undefined
  height: number | undefined
  fps: number | undefined
  freezes: number
  jitterBufferS: number
  emitted: number
  decodeS: number
  decoded: number
}

/** The counters that are read; a platform may lack any. */
type Entry = Record<string, string | number | boolean | undefined> & { id: string; type: string }

/** Takes from the platform's report what is of use. */
export function sample(report: RTCStatsReport, at: number): Sample {
  const entries: Entry[] = []
  report.forEach(entry => {
    entries.push(entry as Entry)
  })
  const pair = selectedPair(entries)
  const rtt = optional(pair?.currentRoundTripTime)
  const streams = entries.flatMap(entry => stream(entry, entries))
  const sound = streams.filter(({ direction, kind }) => direction === 'in' && kind === 'audio')
  return {
    at,
    rttMs: rtt === undefined ? undefined : rtt * 1_000,
    heard: count(pair?.responsesReceived) + count(pair?.bytesReceived),
    sound: sum(sound, ({ bytes }) => bytes),
    streams,
  }
}

function selectedPair(entries: Entry[]): Entry | undefined {
  const selected = entries.find(entry => entry.selectedCandidatePairId !== undefined)
  const pairs = entries.filter(({ type }) => type === 'candidate-pair')
  return (
    pairs.find(({ id }) => id === selected?.selectedCandidatePairId) ??
    pairs.find(({ nominated, state }) => nominated === true && state === 'succeeded')
  )
}

function stream(entry: Entry, entries: Entry[]): Stream[] {
  if (entry.type !== 'inbound-rtp' && entry.type !== 'outbound-rtp') return []
  const isIn = entry.type === 'inbound-rtp'
  const far = entries.find(({ type, localId }) => isFar(type) && localId === entry.id)
  const lost = isIn ? entry.packetsLost : far?.packetsLost
  return [
    {
      id: entry.id,
      direction: isIn ? 'in' : 'out',
      kind: text(entry.kind) ?? '',
      mid: text(entry.mid),
      rid: text(entry.rid),
      active: entry.active !== false,
      bytes: count(isIn ? entry.bytesReceived : entry.bytesSent),
      packets: count(isIn ? entry.packetsReceived : entry.packetsSent),
      lost: Math.max(0, count(lost)),
      lossShare: count(far?.fractionLost),
      width: optional(entry.frameWidth),
      height: optional(entry.frameHeight),
      fps: optional(entry.framesPerSecond),
      freezes: count(entry.freezeCount),
      jitterBufferS: count(entry.jitterBufferDelay),
      emitted: count(entry.jitterBufferEmittedCount),
      decodeS: count(entry.totalDecodeTime),
      decoded: count(entry.framesDecoded),
    },
  ]
}

function isFar(type: string): boolean {
  return type === 'remote-inbound-rtp'
}

function text(value: Entry[string]): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function optional(value: Entry[string]): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function count(value: Entry[string]): number {
  return optional(value) ?? 0
}

function sum<T>(all: T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}

/** Two looks at a connection. */
export interface Span {
  before: Sample | undefined
  after: Sample
}

/** Whom the sections of the descriptions carry. */
export interface Sections {
  sourceOf(mid: string | undefined): RoomSource | undefined
  shownBy(
    mid: string | undefined,
  ): { participant: RoomParticipantId; source: RoomSource } | undefined
}

/** A stream, and what it grew by. */
interface Grown {
  now: Stream
  by: (of: (stream: Stream) => number) => number
  kbps: number
}

function grown({ before, after }: Span): Grown[] {
  const ms = before === undefined ? 0 : after.at - before.at
  return after.streams.map(now => {
    const then = before?.streams.find(({ id }) => id === now.id)
    const by = (of: (stream: Stream) => number) => Math.max(0, of(now) - (then ? of(then) : 0))
    const bits = then ? by(({ bytes }) => bytes) * 8 : 0
    return { now, by, kbps: ms > 0 ? Math.round(bits / ms) : 0 }
  })
}

/** How a meeting is carried, from two looks at each of its connections. */
export function stats(publish: Span, subscribe: Span, sections: Sections): MeetingStats {
  const sent = grown(publish).filter(({ now }) => now.direction === 'out')
  const seen = grown(subscribe).filter(({ now }) => now.direction === 'in')
  const pictures = seen.filter(({ now }) => now.kind === 'video')
  const jitterBufferMs = buffered(pictures) ?? buffered(seen)
  const decodeMs = per(
    pictures,
    ({ decodeS }) => decodeS,
    ({ decoded }) => decoded,
  )
  const out = line(publish.after, sent)
  const come = sum(seen, ({ by }) => by(({ packets }) => packets))
  const missed = sum(seen, ({ by }) => by(({ lost }) => lost))
  const away = line(subscribe.after, seen)
  return {
    ...delay(out.rttMs, away.rttMs, jitterBufferMs, decodeMs, pictures),
    publish: {
      ...out,
      lossShare: Math.max(0, ...sent.map(({ now }) => now.lossShare)),
      sources: sent.flatMap(one => sentOf(one, sections)),
    },
    subscribe: {
      ...away,
      lossShare: missed > 0 ? missed / (missed + come) : 0,
      ...(jitterBufferMs !== undefined && { jitterBufferMs: round(jitterBufferMs) }),
      ...(decodeMs !== undefined && { decodeMs: round(decodeMs) }),
      freezeCount: sum(seen, ({ now }) => now.freezes),
      videos: pictures.flatMap(one => seenOf(one, sections)),
    },
  }
}

function line({ rttMs }: Sample, streams: Grown[]): Line {
  return {
    ...(rttMs !== undefined && { rttMs: round(rttMs) }),
    kbps: sum(streams, ({ kbps }) => kbps),
    packetsLost: sum(streams, ({ now }) => now.lost),
    lossShare: 0,
  }
}

function buffered(streams: Grown[]): number | undefined {
  return per(
    streams,
    ({ jitterBufferS }) => jitterBufferS,
    ({ emitted }) => emitted,
  )
}

/** So many milliseconds for each of them. */
function per(
  streams: Grown[],
  seconds: (stream: Stream) => number,
  pieces: (stream: Stream) => number,
): number | undefined {
  const total = sum(streams, ({ by }) => by(pieces))
  return total > 0 ? (sum(streams, ({ by }) => by(seconds)) * 1_000) / total : undefined
}

/** Between two pictures, and between two packets of sound, where nothing says otherwise. */
const PICTURE_MS = 33
const SOUND_MS = 20

function delay(
  out: number | undefined,
  back: number | undefined,
  buffer: number | undefined,
  decode: number | undefined,
  pictures: Grown[],
): Pick<MeetingStats, 'delayMs' | 'networkMs'> {
  if (back === undefined) return {}
  const networkMs = ((out ?? back) + back) / 2
  if (buffer === undefined) return { networkMs: round(networkMs) }
  const rates = pictures.flatMap(({ now: { fps } }) => (fps !== undefined && fps > 0 ? [fps] : []))
  const picture = rates.length > 0 ? 1_000 / Math.max(...rates) : PICTURE_MS
  const interval = pictures.some(({ by }) => by(({ decoded }) => decoded) > 0) ? picture : SOUND_MS
  const delayMs = networkMs + buffer + (decode ?? 0) + interval
  return { delayMs: round(delayMs), networkMs: round(networkMs) }
}

function sentOf({ now, kbps }: Grown, { sourceOf }: Sections): Sent[] {
  const source = sourceOf(now.mid)
  if (source === undefined) return []
  const { rid, active } = now
  return [{ source, ...(rid !== undefined && { rid }), ...size(now), kbps, active }]
}

function seenOf({ now, by, kbps }: Grown, { shownBy }: Sections): Seen[] {
  const shown = shownBy(now.mid)
  const frames = by(({ decoded }) => decoded)
  return shown ? [{ ...shown, ...size(now), kbps, frames, freezeCount: now.freezes }] : []
}

function size({ width, height, fps }: Stream): Pick<Sent, 'width' | 'height' | 'fps'> {
  return {
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(fps !== undefined && { fps: round(fps) }),
  }
}

function round(value: number): number {
  return Math.round(value)
}

/** Beyond these people notice, and beyond those they complain: a talk needs less than 400 ms. */
const FAIR = { loss: 0.02, rttMs: 200 }
const POOR = { loss: 0.08, rttMs: 400 }

/** How a meeting is carried, in one word. */
export function quality({ publish, subscribe }: MeetingStats): Quality {
  const worse = ({ loss, rttMs }: typeof FAIR) =>
    [publish, subscribe].some(line => line.lossShare > loss || (line.rttMs ?? 0) > rttMs)
  if (worse(POOR)) return 'poor'
  return worse(FAIR) ? 'fair' : 'good'
}
