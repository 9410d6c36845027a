import type { TopicPage } from '@carillon/client'
import { describe, expect, test } from 'vitest'
import { bornAt, heard, mentioned, paged, readTo, summarised, unread } from './conversation.ts'
import { BOB, CONV, ME, NINE, PlayedServer, randomly } from './server.test.kit.ts'

describe('a conversation', () => {
  test('comes to the same in whatever order its facts are heard', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomly(seed)
      const server = new PlayedServer()
      let conv = summarised(server.summary(), undefined)
      const facts: ((now: typeof conv) => typeof conv)[] = []
      for (let step = 0; step < 30; step++) {
        const what = random(5)
        if (what < 2) {
          const event = server.say(`message ${step}`)
          facts.push(now => heard(now, event, ME))
        } else if (what === 2) {
          const event = server.say('mine', { by: ME })
          facts.push(now => heard(now, event, ME))
        } else if (what === 3) {
          server.readSeq = Math.min(server.head, server.readSeq + random(4))
          const { readSeq, readN, n, head, unread } = server
          const page = {
            topic: 'c:x' as const,
            head,
            n,
            read_seq: readSeq,
            unread,
            last: [],
          } satisfies TopicPage
          facts.push(now => readTo(now, { read_seq: readSeq, read_n: readN }))
          facts.push(now => paged(now, page))
        } else {
          const summary = server.summary()
          facts.push(now => summarised(summary, now))
        }
      }
      while (facts.length > 0) {
        const [fact] = facts.splice(random(Math.min(3, facts.length)), 1)
        if (fact) conv = fact(conv)
      }
      const fresh = summarised(server.summary(), undefined)
      expect({ seed, unread: unread(conv), readSeq: conv.readSeq }).toEqual({
        seed,
        unread: unread(fresh),
        readSeq: fresh.readSeq,
      })
      expect([conv.head, conv.n]).toEqual([fresh.head, fresh.n])
    }
  })

  test('shows the newest message, title and number of members once each', () => {
    const server = new PlayedServer()
    const before = summarised(server.summary(), undefined)
    const renamed = server.append('conv.updated', { title: 'Mong Kok' })
    const added = server.append('conv.members_changed', { added: ['x', 'y'], removed: [BOB] })
    const said = server.say('hello')
    const events = [renamed, added, said]
    const after = events.reduce((conv, event) => heard(conv, event, ME), before)
    expect(after).toMatchObject({ title: 'Mong Kok', members: 3, last: said, told: said.seq })
    const again = events.reduce((conv, event) => heard(conv, event, ME), after)
    expect(again).toMatchObject({ title: 'Mong Kok', members: 3 })
  })
})

describe('a conversation, later,', () => {
  test('has an own message once: it waits no longer when the log has it', () => {
    const server = new PlayedServer()
    const common = {
      conv: CONV,
      mentions: [],
      everybody: false,
      replyTo: undefined,
      at: NINE,
      refused: undefined,
    }
    const first = { ...common, cid: 'first', text: 'one', landing: true }
    const second = { ...common, cid: 'second', text: 'two', landing: false }
    const before = { ...summarised(server.summary(), undefined), pending: [first, second] }
    const after = heard(before, server.say('one', { by: ME, cid: 'first' }), ME)
    expect(after.pending).toEqual([second])
    expect(heard(after, server.say('two', { by: BOB, cid: 'second' }), ME).pending).toEqual([
      second,
    ])
  })

  test('hears of what a page has announced', () => {
    const server = new PlayedServer()
    const before = summarised(server.summary(), undefined)
    const said = server.say('hello', {}, [ME])
    const page = {
      topic: 'c:x' as const,
      head: server.head,
      n: server.n,
      last: [],
    } satisfies TopicPage
    const after = heard(paged(before, page), said, ME)
    expect(unread(after)).toBe(1)
    expect(after.last).toBe(said)
    expect(mentioned(after)).toBe(true)
    expect(mentioned(readTo(after, { read_seq: said.seq, read_n: said.n }))).toBe(false)
  })

  test('is read by writing in it', () => {
    const server = new PlayedServer()
    const before = heard(summarised(server.summary(), undefined), server.say('you there?'), ME)
    expect(unread(before)).toBe(1)
    expect(unread(heard(before, server.say('yes', { by: ME }), ME))).toBe(0)
  })

  test('is as old as its id says', () => {
    expect(bornAt('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(1_469_922_850_259)
  })
})
