/** Frames: the golden ones of every released version, and whatever else a server may send. */

import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Calls } from '../src/calls.ts'
import { CarillonError } from '../src/error.ts'
import { decode, encode, exceeds, readLogPage, readSent } from '../src/frame.ts'
import type { ClientFrame, ServerFrame } from '../src/protocol.ts'
import { event, logPage, sent, TOPIC } from './kit.ts'

interface Golden {
  name: string
  direction: 'client' | 'server'
  json: string
}

const FOLDER = new URL('../../../protocol/vectors/v1/', import.meta.url)

function read<T>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as T[]
}

const golden = readdirSync(FOLDER)
  .filter(file => file.endsWith('.json') && file !== 'bad.json')
  .flatMap(file => read<Golden>(file))

function refusal(frame: string): unknown {
  try {
    decode(frame)
    return undefined
  } catch (thrown) {
    return thrown
  }
}

describe('golden frames', () => {
  const ofServer = golden.filter(({ direction }) => direction === 'server')
  const ofClient = golden.filter(({ direction }) => direction === 'client')

  it('are there', () => {
    expect(ofServer.length).toBeGreaterThan(50)
    expect(ofClient.length).toBeGreaterThan(20)
  })

  it.each(ofServer)('of the server is read: $name', ({ json }) => {
    expect(decode(json)).toEqual(JSON.parse(json))
  })

  it.each(ofClient)('of a client is written: $name', ({ json }) => {
    const frame: ClientFrame = JSON.parse(json)
    expect(written(frame)).toBe(json)
  })

  /** A call is numbered by the client; everything else is written by `encode`. */
  function written(frame: ClientFrame): string {
    if (frame.t !== 'call') return encode(frame)
    const calls = new Calls()
    const { op, cid, prev } = frame
    const args = JSON.stringify(frame.args)
    calls.add({
      op,
      effect: 'once',
      cid,
      prev,
      args,
      to: { who: 'gap', topic: TOPIC },
      attempts: 0,
    })
    const next = calls.next(0)
    if (!next || !('frame' in next)) throw new Error('the call is not written')
    return next.frame.replace('"id":1,', `"id":${frame.id},`)
  }
})

describe('a frame that is none', () => {
  const bad = read<{ name: string; json?: string; code: string; field?: string }>('bad.json')
  const broken = bad.flatMap(({ name, json, code, field }) => {
    return json !== undefined && code === 'E_BAD_FRAME' && (field ?? 't') === 't'
      ? { name, json }
      : []
  })

  it.each(broken)('has a typed error, or is one of a newer server: $name', ({ json }) => {
    const thrown = refusal(json)
    if (thrown !== undefined) expect(thrown).toMatchObject({ code: 'E_BAD_FRAME' })
    else expect(decode(json)).toBeUndefined()
  })

  it.each([
    '',
    '7',
    'null',
    '[]',
    '{}',
    '{"t":7}',
    '{"t":"welcome"}',
    '{"t":"ok"}',
    '{"t":"ok","re":-1}',
    '{"t":"ok","re":9007199254740992}',
    '{"t":"err","re":1}',
    '{"t":"err","code":"E_BUSY","msg":"m","retry":"perhaps"}',
    '{"t":"ev","topic":"c:01","seq":1}',
    '{"t":"dirty","topics":[["c:01K5ZK0C0NVF100RSTAFFGR0P7"]]}',
    '{"t":"page","topics":[{"topic":"q:1","head":1,"n":1,"last":[]}]}',
    '{"t":"synced"}',
    '{"t":"bye","code":"4001"}',
  ])('is refused: %s', frame => {
    expect(refusal(frame)).toMatchObject({ name: 'CarillonError', code: 'E_BAD_FRAME' })
  })

  it('never throws anything but a typed error', () => {
    const tags = [
      'welcome',
      'ok',
      'err',
      'pong',
      'ev',
      'eph',
      'dirty',
      'page',
      'synced',
      'bye',
      '__proto__',
    ]
    const fields = fc.dictionary(
      fc.constantFrom(
        're',
        'code',
        'msg',
        'retry',
        'topic',
        'topics',
        'seq',
        'data',
        'last',
        'limits',
      ),
      fc.jsonValue(),
    )
    const frame = fc
      .tuple(fc.constantFrom(...tags), fields)
      .map(([t, more]) => JSON.stringify({ t, ...more }))
    const damaged = fc
      .tuple(fc.constantFrom(...golden), fc.nat(), fc.string())
      .map(([{ json }, at, put]) => {
        const from = at % json.length
        return json.slice(0, from) + put + json.slice(from + 1 + put.length)
      })
    const anything = fc.oneof(frame, damaged, fc.string(), fc.json())
    const property = fc.property(anything, text => {
      const thrown = refusal(text)
      return (
        thrown === undefined || (thrown instanceof CarillonError && thrown.code === 'E_BAD_FRAME')
      )
    })
    fc.assert(property, { numRuns: 3_000 })
  })
})

describe('a frame of a newer server', () => {
  it('is passed over if its `t` is not known', () => {
    expect(decode('{"t":"hologram","x":1}')).toBeUndefined()
    expect(decode('{"t":"constructor"}')).toBeUndefined()
  })

  it('may have more fields and other codes', () => {
    const frame = decode('{"t":"err","re":1,"code":"E_NEW","msg":"m","retry":"no","more":1}')
    expect(frame).toEqual({ t: 'err', re: 1, code: 'E_NEW', msg: 'm', retry: 'no' })
  })

  it('may have every kind of topic', () => {
    const topics = [TOPIC, `u:${TOPIC.slice(2)}`, `o:${TOPIC.slice(2)}`, 'x:approval:leave 2026/7']
    for (const topic of topics) {
      const frame = { t: 'ev', ...event(1), topic } as ServerFrame
      expect(decode(JSON.stringify(frame))).toEqual(frame)
    }
  })
})

describe('answers', () => {
  it('of the log and of the outbox are read only if they are whole', () => {
    expect(readLogPage(logPage(1, 3, 9))).toEqual(logPage(1, 3, 9))
    expect(readLogPage({ ...logPage(1, 3, 9), events: [{ seq: 1 }] })).toBeUndefined()
    expect(readSent(sent(4))).toEqual(sent(4))
    expect(readSent({ ...sent(4), seq: '4' })).toBeUndefined()
  })
})

describe('the length of a frame', () => {
  it('is that of its UTF-8', () => {
    for (const [text, length] of [
      ['abc', 3],
      ['港', 3],
      ['é', 2],
      ['🔔', 4],
    ] as const) {
      expect([exceeds(text, length - 1), exceeds(text, length)]).toEqual([true, false])
    }
  })
})
