/** What the program hears, and what counts as dealt with. */

import { describe, expect, it } from 'vitest'
import { local } from '../src/error.ts'
import { Feed, type Mark, type Update } from '../src/events.ts'
import type { Progress } from '../src/state.ts'
import { event, TOPIC } from './kit.ts'

const SYNCED: Update = { kind: 'synced' }

function at(seq: number): Mark {
  return { at: 'topic', topic: TOPIC, seq }
}

function start(): [Feed, Progress] {
  const progress: Progress = { topics: {} }
  return [new Feed(progress), progress]
}

function say(feed: Feed, seq: number): void {
  feed.deliver({ kind: 'event', event: event(seq) }, at(seq))
}

function seqs(heard: Update[]): number[] {
  return heard.flatMap(update => (update.kind === 'event' ? update.event.seq : []))
}

describe('the reader', () => {
  it('has dealt with an update when it asks for the next one', async () => {
    const [feed, progress] = start()
    const reader = feed.read()
    say(feed, 5)
    feed.deliver(SYNCED, { at: 'sync', token: 's' })
    await reader.next()
    expect(feed.progress()).toBeUndefined()
    await reader.next()
    expect(feed.progress()).toBe(progress)
    expect(progress).toEqual({ topics: { [TOPIC]: 5 } })
    expect(feed.progress(), 'nothing since').toBeUndefined()
  })

  it('hears what happened before it came', async () => {
    const [feed] = start()
    say(feed, 1)
    const reader = feed.read()
    say(feed, 2)
    const heard = [await reader.next(), await reader.next()].map(({ value }) => value)
    expect(seqs(heard)).toEqual([1, 2])
  })

  it('remembers a new beginning longer than the events before it', async () => {
    const [feed, progress] = start()
    const reader = feed.read()
    say(feed, 9)
    feed.begin(at(6))
    expect(progress.topics).toEqual({})
    await reader.next()
    feed.begin({ at: 'gone', topic: `o:${TOPIC.slice(2)}` })
    feed.allTakenIsDealtWith()
    expect(progress.topics).toEqual({ [TOPIC]: 6 })
    feed.begin({ at: 'gone', topic: TOPIC })
    expect(progress.topics).toEqual({})
  })

  it('has a bounded queue, and says when there is room again', async () => {
    const [feed] = start()
    let roomy = 0
    feed.onRoom = () => {
      roomy += 1
    }
    const reader = feed.read()
    while (feed.room() > 0) feed.hint(SYNCED)
    feed.hint(SYNCED)
    for (let count = 0; count < 100; count += 1) feed.state({ kind: 'outbox' })
    let heard = 0
    for (; roomy === 0; heard += 1) await reader.next()
    expect(feed.room()).toBe(200)
    for (; feed.room() < 1_000; heard += 1) await reader.next()
    expect(heard).toBe(1_024)
  })

  it('loses no beginning with a state for which there is no place', async () => {
    const [feed, progress] = start()
    const reader = feed.read()
    feed.state({ kind: 'outbox' })
    feed.begin(at(3))
    while (feed.room() > 0) feed.hint(SYNCED)
    for (let count = 0; count < 100; count += 1) feed.state({ kind: 'outbox' })
    expect(progress.topics).toEqual({ [TOPIC]: 3 })
    expect((await reader.next()).value).toEqual(SYNCED)
  })

  it('has not dealt with what it did not take', async () => {
    const [feed, progress] = start()
    const reader = feed.read()
    say(feed, 5)
    say(feed, 6)
    await reader.next()
    await reader.return?.()
    expect(feed.room()).toBe(Number.POSITIVE_INFINITY)
    say(feed, 7)
    feed.begin(at(8))
    expect(progress.topics).toEqual({})
    feed.allTakenIsDealtWith()
    expect(progress.topics).toEqual({ [TOPIC]: 5 })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('ends with the client, after the last update, and throws if that was the server', async () => {
    const [feed] = start()
    const reader = feed.read()
    say(feed, 1)
    feed.end(local('E_CLOSED', 'for good'))
    expect((await reader.next()).done).toBe(false)
    await expect(reader.next()).rejects.toThrow('for good')
    expect((await reader.next()).done).toBe(true)
    expect(() => feed.read()).toThrow('one reader')
  })

  it('that waits hears of the end', async () => {
    const [feed] = start()
    const next = feed.read().next()
    feed.end()
    expect((await next).done).toBe(true)
  })
})

describe('listeners', () => {
  it('hear at once and in order, the first one also what was before', async () => {
    const [feed] = start()
    const heard: Update[] = []
    const late: Update[] = []
    say(feed, 1)
    const stop = feed.listen(update => heard.push(update))
    expect(heard, 'not while it is being added').toEqual([])
    say(feed, 2)
    await Promise.resolve()
    expect(seqs(heard)).toEqual([1, 2])
    feed.listen(update => late.push(update))
    say(feed, 3)
    expect([seqs(heard), seqs(late)]).toEqual([[1, 2, 3], [3]])
    stop()
    say(feed, 4)
    expect([seqs(heard), seqs(late)]).toEqual([
      [1, 2, 3],
      [3, 4],
    ])
    expect(feed.room()).toBe(Number.POSITIVE_INFINITY)
  })

  it('have no progress', async () => {
    const [feed] = start()
    feed.listen(() => {})
    await Promise.resolve()
    say(feed, 1)
    expect(feed.progress()).toBeUndefined()
  })

  it('do not wait for a reader beside them, and count as having dealt with what was before', async () => {
    const [feed, progress] = start()
    const heard: Update[] = []
    feed.listen(update => heard.push(update))
    feed.begin(at(3))
    say(feed, 4)
    const reader = feed.read()
    say(feed, 5)
    expect(seqs(heard)).toEqual([4, 5])
    expect(progress.topics).toEqual({ [TOPIC]: 4 })
    expect(seqs([(await reader.next()).value])).toEqual([5])
  })

  it('that fail do so before the whole program, and hold up nobody', async () => {
    const [feed] = start()
    const heard: Update[] = []
    feed.listen(() => {
      throw new Error('a fault of the program')
    })
    feed.listen(update => heard.push(update))
    await Promise.resolve()
    const faults: unknown[] = []
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const caught = new Promise<void>(resolve => {
      process.once('uncaughtException', fault => {
        faults.push(fault)
        resolve()
      })
    })
    say(feed, 1)
    await caught
    for (const listener of before) process.on('uncaughtException', listener)
    expect(seqs(heard)).toEqual([1])
    expect(faults).toEqual([new Error('a fault of the program')])
  })
})
