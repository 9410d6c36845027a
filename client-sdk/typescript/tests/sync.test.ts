/** The log of a model server, and whatever can happen between it and the client. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Event,
  LIMITS,
  type LogPage,
  type LogRead,
  type ServerFrame,
  type Topic,
} from '../src/protocol.ts'
import {
  EARLY_MAX,
  EARLY_TOTAL_MAX,
  type Effect,
  GAP_MS,
  READ_AGAIN_MS,
  READS_MAX,
  Sync,
} from '../src/sync.ts'
import { id, ME } from './kit.ts'

const ROOM = 1_000

function topic(number: number): Topic {
  return `c:${id(100 + number)}`
}

function event(topic: Topic, seq: number, k?: string, data: unknown = {}): Event {
  const kind = k ?? (seq === 1 ? 'conv.created' : 'msg.sent')
  return { topic, seq, n: seq, k: kind, id: id(seq), by: ME, at: 0, data }
}

function log(topic: Topic, from: number, to: number): Event[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => event(topic, from + at))
}

function page(topic: Topic, head: number, from = head + 1): ServerFrame {
  return { t: 'page', topics: [{ topic, head, n: head, last: log(topic, from, head) }] }
}

function ev(topic: Topic, seq: number): ServerFrame {
  return { t: 'ev', ...event(topic, seq) }
}

function dirty(topic: Topic, head: number): ServerFrame {
  return { t: 'dirty', topics: [[topic, head]] }
}

function synced(sync: string): ServerFrame {
  return { t: 'synced', sync }
}

function seqs(effects: Effect[]): number[] {
  return effects.flatMap(effect => (effect.do === 'deliver' ? effect.event.seq : []))
}

function reads(effects: Effect[]): LogRead[] {
  return effects.flatMap(effect => (effect.do === 'read' ? effect.read : []))
}

function kinds(effects: Effect[]): string[] {
  return effects.map(effect => effect.do)
}

/** The only read among the effects. */
function theRead(effects: Effect[]): LogRead {
  const [read, ...more] = reads(effects)
  if (!read || more.length > 0) throw new Error(`expected one read: ${JSON.stringify(effects)}`)
  return read
}

/** What `log.read` answers when the log has these events. */
function answer(log: Event[], { after = 0, before, limit = 50 }: LogRead): LogPage {
  const within = log.filter(({ seq }) => seq > after && (before === undefined || seq < before))
  const events = before !== undefined ? within.slice(-limit) : within.slice(0, limit)
  return { events, head: log.at(-1)?.seq ?? 0, more: within.length > limit, floor: 1 }
}

function start(token: string | undefined, have: Record<Topic, number>): Sync {
  const sync = new Sync(token, have)
  sync.me = ME
  return sync
}

/** A client that was in step at `head`. */
function at(topic: Topic, head: number): Sync {
  return start('s0', { [topic]: head })
}

const t = topic(1)

describe('the state of topics', () => {
  it('delivers an event in its turn and once', () => {
    const sync = at(t, 4)
    expect(seqs(sync.apply(ev(t, 5), 0, ROOM))).toEqual([5])
    expect(seqs(sync.apply(ev(t, 5), 0, ROOM))).toEqual([])
    expect(seqs(sync.apply(ev(t, 7), 0, ROOM))).toEqual([])
    expect(seqs(sync.apply(ev(t, 6), 0, ROOM))).toEqual([6, 7])
    expect(sync.due(ROOM)).toBeUndefined()
  })

  it('reads a gap from the log after half a second', () => {
    const sync = at(t, 4)
    expect(reads(sync.apply(ev(t, 7), 1_000, ROOM))).toEqual([])
    expect(sync.due(ROOM)).toBe(1_500)
    expect(reads(sync.tick(1_499, ROOM))).toEqual([])
    expect(theRead(sync.tick(1_500, ROOM)).after).toBe(4)
    expect(reads(sync.tick(9_999, ROOM)), 'asked once').toEqual([])
  })

  it('takes the first catch-up for history and later ones for news', () => {
    const fresh = topic(2)
    const sync = start(undefined, {})
    expect(kinds(sync.apply(page(t, 9, 8), 0, ROOM))).toEqual(['start'])
    expect(kinds(sync.apply(synced('s1'), 0, ROOM))).toEqual(['synced'])
    expect(sync.token).toBe('s1')
    const again = { do: 'synced', token: 's2', again: true }
    expect(sync.apply(synced('s2'), 0, ROOM), 'a heartbeat').toEqual([again])
    expect(sync.token).toBe('s2')
    sync.offline()
    // A conversation that began meanwhile: all of it, though the page shows its last event only.
    const first = theRead(sync.apply(page(fresh, 3, 3), 0, ROOM))
    expect([first.topic, first.before]).toEqual([fresh, LIMITS.INT_MAX])
    const whole = log(fresh, 1, 3)
    const second = theRead(sync.read(fresh, { page: answer(whole, first) }, 0, ROOM))
    expect(seqs(sync.read(fresh, { page: answer(whole, second) }, 0, ROOM))).toEqual([1, 2, 3])
  })

  it('begins the story of a group when one joins', () => {
    const joined = event(t, 700, 'conv.members_changed', { added: [ME] })
    const whole = log(t, 1, 1_000)
    whole[699] = joined
    // Seen live: at once.
    const live = start('s', {})
    expect(seqs(live.apply({ t: 'ev', ...joined }, 0, ROOM))).toEqual([700])
    // Long ago: looked for, then read from there on.
    const late = start('s', {})
    const queue = reads(late.apply(ev(t, 1_000), 0, ROOM))
    const delivered: number[] = []
    let present = 0
    for (;;) {
      const due = late.due(ROOM)
      const next = queue.pop() ?? (due === undefined ? undefined : reads(late.tick(due, ROOM))[0])
      if (!next) break
      present = due ?? present
      const effects = late.read(t, { page: answer(whole, next) }, present, ROOM)
      delivered.push(...seqs(effects))
      queue.push(...reads(effects))
    }
    expect(delivered).toEqual(log(t, 700, 1_000).map(({ seq }) => seq))
  })

  it('passes over what the log does not show', () => {
    const sync = at(t, 4)
    sync.apply(dirty(t, 9), 0, ROOM)
    const shown = { events: [event(t, 6), event(t, 8)], head: 8, more: false, floor: 6 }
    const effects = sync.read(t, { page: shown }, 0, ROOM)
    expect(kinds(effects)).toEqual(['deliver', 'deliver', 'repaired'])
    expect(seqs(sync.apply(ev(t, 10), 0, ROOM))).toEqual([10])
  })

  it('is not held up by a topic that one may not read any more', () => {
    const sync = at(t, 4)
    sync.apply(dirty(t, 9), 0, ROOM)
    expect(sync.apply(synced('s1'), 0, ROOM)).toEqual([])
    expect(kinds(sync.read(t, 'gone', 0, ROOM))).toEqual(['forget', 'synced'])
  })

  it('does not take who came back for gone', () => {
    const sync = at(t, 4)
    sync.apply(dirty(t, 6), 0, ROOM)
    const added: ServerFrame = {
      t: 'ev',
      ...event(t, 9, 'conv.members_changed', { added: [ME], removed: [] }),
    }
    sync.apply(added, 0, ROOM)
    // The answer to what was asked while this person was out.
    expect(theRead(sync.read(t, 'gone', 0, ROOM)).after).toBe(4)
    const shown = { events: log(t, 5, 8), head: 9, more: true, floor: 1 }
    const effects = sync.read(t, { page: shown }, 0, ROOM)
    expect(seqs(effects)).toEqual([5, 6, 7, 8, 9])
  })

  it('tries a failed read again later', () => {
    const sync = at(t, 4)
    sync.apply(dirty(t, 9), 0, ROOM)
    expect(sync.read(t, 'failed', 10, ROOM)).toEqual([])
    expect(sync.due(ROOM)).toBe(10 + READ_AGAIN_MS)
  })

  it('keeps a token only when nothing is missing', () => {
    const sync = at(t, 4)
    const read = theRead(sync.apply(page(t, 9, 9), 0, ROOM))
    expect(sync.apply(synced('s1'), 0, ROOM)).toEqual([])
    expect(sync.token).toBe('s0')
    const effects = sync.read(t, { page: answer(log(t, 1, 9), read) }, 0, ROOM)
    expect(seqs(effects)).toEqual([5, 6, 7, 8, 9])
    expect(effects.at(-1)).toEqual({ do: 'synced', token: 's1', again: false })
  })

  it('keeps few events that wait for an earlier one, and reads the others', () => {
    const topics = Array.from({ length: 12 }, (_, number) => topic(number))
    const sync = start('s0', Object.fromEntries(topics.map(topic => [topic, 1])))
    for (const [at, topic] of topics.entries()) {
      for (const { seq } of log(topic, 3, 202)) sync.apply(ev(topic, seq), 0, ROOM)
      expect(sync.earlyTotal).toBe(Math.min((at + 1) * EARLY_MAX, EARLY_TOTAL_MAX))
    }
    const [first] = topics as [Topic]
    const read = reads(sync.tick(GAP_MS, ROOM)).find(read => read.topic === first)
    const missing = { events: [event(first, 2)], head: 202, more: true, floor: 1 }
    const delivered = seqs(sync.read(first, { page: missing }, GAP_MS, ROOM))
    expect([read?.after, delivered]).toEqual([
      1,
      log(first, 2, 2 + EARLY_MAX).map(({ seq }) => seq),
    ])
  })

  it('sets the position back after a restored backup', () => {
    const sync = at(t, 9)
    sync.forgetToken()
    const effects = sync.apply(page(t, 6, 6), 0, ROOM)
    expect(effects).toEqual([{ do: 'start', topic: t, seq: 6, reset: true }])
    expect(seqs(sync.apply(ev(t, 7), 0, ROOM))).toEqual([7])
  })

  it('counts nothing that was asked or heard before a backup was restored', () => {
    const sync = at(t, 4)
    const old = theRead(sync.apply(dirty(t, 9), 0, ROOM))
    sync.apply(ev(t, 12), 0, ROOM)
    sync.offline()
    sync.forgetToken()
    expect(sync.apply(page(t, 6, 6), 0, ROOM)).toEqual([])
    const whole = log(t, 1, 6)
    const again = theRead(sync.read(t, { page: answer(whole.slice(0, 4), old) }, 0, ROOM))
    expect(seqs(sync.read(t, { page: answer(whole, again) }, 0, ROOM))).toEqual([5, 6])
    expect(seqs(sync.apply(ev(t, 7), 0, ROOM))).toEqual([7])
  })

  it('begins a topic anew that a whole catch-up does not name', () => {
    const own: Topic = `u:${ME}`
    const [gone, stays] = [topic(2), topic(3)]
    const sync = start('s0', { [own]: 5, [gone]: 5, [stays]: 5 })
    sync.forgetToken()
    sync.apply(page(stays, 5, 5), 0, ROOM)
    const effects = sync.apply(synced('s1'), 0, ROOM)
    const forgotten = effects.flatMap(effect => (effect.do === 'forget' ? effect.topic : []))
    expect(forgotten.sort()).toEqual([gone, own].sort())
    expect(seqs(sync.apply(ev(own, 1), 0, ROOM))).toEqual([1])
    // With a token a catch-up names only what moved.
    sync.offline()
    sync.apply(synced('s2'), 0, ROOM)
    expect(seqs(sync.apply(ev(own, 2), 0, ROOM))).toEqual([2])
  })
})

/** What happens next between the server and the client. */
type Step =
  /** The server appends to a topic and tells, or the news is lost on the way. */
  | { step: 'append'; topic: number; told: boolean }
  /** An event comes (again), in any order. */
  | { step: 'repeat'; topic: number; back: number }
  /** Events were left out. */
  | { step: 'dirty'; topic: number }
  /** The program takes so many events. */
  | { step: 'take'; count: number }
  /** Time passes. */
  | { step: 'wait'; ms: number }
  /** The answer to a read of the log, or its failure. */
  | { step: 'answer'; ok: boolean }
  /** The connection is lost, and the next one catches up. */
  | { step: 'reconnect'; last: number }

const TOPICS = [0, 1, 2].map(topic)
const anyTopic = fc.nat({ max: TOPICS.length - 1 })

function named<N extends string, T>(step: N, fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) {
  return fc.record({ step: fc.constant(step), ...fields })
}

const anyStep = fc.oneof(
  { weight: 6, arbitrary: named('append', { topic: anyTopic, told: fc.boolean() }) },
  { weight: 2, arbitrary: named('repeat', { topic: anyTopic, back: fc.nat({ max: 19 }) }) },
  { weight: 1, arbitrary: named('dirty', { topic: anyTopic }) },
  { weight: 2, arbitrary: named('take', { count: fc.nat({ max: 249 }) }) },
  { weight: 2, arbitrary: named('wait', { ms: fc.nat({ max: 1_999 }) }) },
  { weight: 3, arbitrary: named('answer', { ok: fc.boolean() }) },
  { weight: 1, arbitrary: named('reconnect', { last: fc.nat({ max: 4 }) }) },
) as fc.Arbitrary<Step>

/** The client, the server's log and what travels between them. */
class World {
  readonly sync = start('s0', Object.fromEntries(TOPICS.map(topic => [topic, 0])))
  readonly logs = new Map<Topic, Event[]>(TOPICS.map(topic => [topic, []]))
  readonly delivered = new Map<Topic, number[]>(TOPICS.map(topic => [topic, []]))
  readonly reads: LogRead[] = []
  now = 0
  room: number

  constructor(room: number) {
    this.room = room
  }

  log(topic: Topic): Event[] {
    return this.logs.get(topic) ?? []
  }

  frame(frame: ServerFrame): void {
    this.effects(this.sync.apply(frame, this.now, this.room))
  }

  effects(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'deliver') this.delivered.get(effect.event.topic)?.push(effect.event.seq)
      if (effect.do === 'read') this.reads.push(effect.read)
      else this.room -= 1
      expect(['deliver', 'read', 'synced', 'repaired']).toContain(effect.do)
    }
    expect(this.room, 'no more than there is room for').toBeGreaterThanOrEqual(0)
    expect(this.reads.length).toBeLessThanOrEqual(READS_MAX)
    expect(this.sync.earlyTotal).toBeLessThanOrEqual(EARLY_TOTAL_MAX + 1)
  }

  answer(ok: boolean): void {
    const read = this.reads.pop()
    if (!read) return
    const result = ok ? { page: answer(this.log(read.topic), read) } : 'failed'
    this.effects(this.sync.read(read.topic, result, this.now, this.room))
  }

  run(step: Step): void {
    const topic = TOPICS['topic' in step ? step.topic : 0] as Topic
    const log = this.log(topic)
    if (step.step === 'append') {
      log.push(event(topic, log.length + 1))
      if (step.told) this.frame(ev(topic, log.length))
    } else if (step.step === 'repeat') {
      const again = log.at(-1 - step.back)
      if (again) this.frame({ t: 'ev', ...again })
    } else if (step.step === 'dirty') {
      this.frame(dirty(topic, log.length))
    } else if (step.step === 'take') {
      this.room = Math.min(this.room + step.count, ROOM)
    } else if (step.step === 'wait') {
      this.now += step.ms
      this.effects(this.sync.tick(this.now, this.room))
    } else if (step.step === 'answer') {
      this.answer(step.ok)
    } else {
      this.reconnect(step.last)
    }
  }

  reconnect(last: number): void {
    this.sync.offline()
    for (const [topic, { length }] of this.logs) {
      this.frame(page(topic, length, Math.max(1, length - last + 1)))
    }
    this.frame(synced('s'))
  }
}

describe('whatever happens', () => {
  it('each topic is delivered whole, in order and once', () => {
    const steps = fc.array(anyStep, { maxLength: 400, size: 'max' })
    const property = fc.property(steps, fc.nat({ max: 499 }), (steps, room) => {
      const world = new World(room)
      for (const step of steps) {
        world.run(step)
        for (const delivered of world.delivered.values()) {
          expect(delivered.every((seq, at) => seq === at + 1)).toBe(true)
        }
      }
      // In the end the connection holds and the program takes what comes.
      world.room = ROOM
      world.reconnect(1)
      while (world.sync.due(ROOM) !== undefined || world.reads.length > 0) {
        world.room = ROOM
        world.answer(true)
        world.run({ step: 'wait', ms: 5_000 })
      }
      for (const [topic, { length }] of world.logs) {
        expect(world.delivered.get(topic)).toHaveLength(length)
      }
      expect(world.sync.token).toBe('s')
      expect(world.sync.earlyTotal).toBe(0)
    })
    fc.assert(property, { numRuns: 200 })
  })
})
