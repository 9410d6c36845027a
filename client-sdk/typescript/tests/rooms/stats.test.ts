/** What the counters of a browser come to. */

import { describe, expect, it } from 'vitest'
import type { RoomSource } from '../../src/protocol.ts'
import { type MeetingStats, quality, sample, stats } from '../../src/room/stats.ts'
import { id } from '../kit.ts'

type Entry = { id: string; type: string; [name: string]: unknown }

function report(...entries: Entry[]): RTCStatsReport {
  return new Map(entries.map(entry => [entry.id, entry])) as unknown as RTCStatsReport
}

function pair(currentRoundTripTime: number): Entry {
  const state = { nominated: true, state: 'succeeded' }
  return { id: 'pair', type: 'candidate-pair', ...state, currentRoundTripTime }
}

/** A picture after so many seconds: 500 kbit/s, 25 a second, 40 ms in the buffer, 4 ms to decode. */
function picture(seconds: number, more: object = {}): Entry {
  const frames = seconds * 25
  return {
    ...{
      id: 'in',
      type: 'inbound-rtp',
      kind: 'video',
      mid: '6',
      frameWidth: 640,
      frameHeight: 360,
    },
    ...{ bytesReceived: seconds * 62_500, packetsReceived: seconds * 60, packetsLost: 0 },
    ...{ framesPerSecond: 25, framesDecoded: frames, totalDecodeTime: frames * 0.004 },
    ...{ jitterBufferEmittedCount: frames, jitterBufferDelay: frames * 0.04, freezeCount: 1 },
    ...more,
  }
}

/** Two layers after so many seconds, of which the receiver missed a tenth lately. */
function layers(seconds: number): Entry[] {
  const out = { type: 'outbound-rtp', kind: 'video', mid: '1' }
  const bytesSent = seconds * 12_500
  return [
    { ...out, id: 'q', rid: 'q', bytesSent, active: true, frameWidth: 320, frameHeight: 180 },
    { ...out, id: 'f', rid: 'f', bytesSent: 0, active: false },
    { id: 'far', type: 'remote-inbound-rtp', localId: 'q', fractionLost: 0.1, packetsLost: 7 },
  ]
}

const sections = {
  sourceOf: (mid: string | undefined): RoomSource | undefined =>
    mid === '1' ? 'camera' : undefined,
  shownBy: (mid: string | undefined) =>
    mid === '6' ? { participant: id(1), source: 'camera' as const } : undefined,
}

/** From four seconds in to six. */
function looked(out: [Entry[], Entry[]], back: [Entry[], Entry[]]): MeetingStats {
  const span = ([before, after]: [Entry[], Entry[]]) => ({
    before: sample(report(...before), 4_000),
    after: sample(report(...after), 6_000),
  })
  return stats(span(out), span(back), sections)
}

describe('the delay of a picture', () => {
  it('is half of both ways, the buffer, the decoder, and one interval', () => {
    const told = looked(
      [[pair(0.02)], [pair(0.02)]],
      [
        [pair(0.04), picture(4)],
        [pair(0.04), picture(6)],
      ],
    )
    expect(told.networkMs).toBe(10 + 20)
    expect(told.delayMs).toBe(10 + 20 + 40 + 4 + 40)
    expect(told.subscribe).toMatchObject({ rttMs: 40, jitterBufferMs: 40, decodeMs: 4 })
  })

  it('is that of lately, not of the beginning', () => {
    const slow = picture(4, { jitterBufferDelay: 100 * 0.5 })
    const since = picture(6, { jitterBufferDelay: 100 * 0.5 + 50 * 0.02 })
    const told = looked(
      [[], []],
      [
        [pair(0.02), slow],
        [pair(0.02), since],
      ],
    )
    expect(told.subscribe.jitterBufferMs).toBe(20)
  })

  it('is not told while nothing is known of the way', () => {
    expect(looked([[], []], [[], [picture(6)]])).not.toHaveProperty('delayMs')
  })
})

describe('what is sent and seen', () => {
  it('is told by source and layer, by person and size', () => {
    const told = looked([layers(4), layers(6)], [[picture(4)], [picture(6)]])
    expect(told.publish).toMatchObject({ kbps: 100, packetsLost: 7, lossShare: 0.1 })
    expect(told.publish.sources).toEqual([
      { source: 'camera', rid: 'q', width: 320, height: 180, kbps: 100, active: true },
      { source: 'camera', rid: 'f', kbps: 0, active: false },
    ])
    const size = { width: 640, height: 360, fps: 25 }
    const seen = { participant: id(1), source: 'camera', ...size, kbps: 500, frames: 50 }
    expect(told.subscribe.videos).toEqual([{ ...seen, freezeCount: 1 }])
  })

  it('is lost by the share of what should have come lately', () => {
    const lossy = picture(6, { packetsLost: 30 })
    const told = looked([[], []], [[picture(4)], [lossy]])
    expect(told.subscribe.lossShare).toBeCloseTo(30 / 150)
    expect(told.subscribe.packetsLost).toBe(30)
  })

  it('is nothing at the first look, and where a platform counts nothing', () => {
    const first = stats(
      { before: undefined, after: sample(report(...layers(4)), 4_000) },
      { before: undefined, after: sample(report(), 4_000) },
      sections,
    )
    expect([first.publish.kbps, first.subscribe.kbps, first.subscribe.videos]).toEqual([0, 0, []])
  })
})

it.each([
  [0.01, 0.05, 'good'],
  [0.25, 0.05, 'fair'],
  [0.05, 0.5, 'poor'],
] as const)('with round trips of %d s and %d s the line is %s', (out, back, word) => {
  const told = looked([[pair(out)], [pair(out)]], [[pair(back)], [pair(back)]])
  expect(quality(told)).toBe(word)
})
