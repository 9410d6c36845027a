import type { Event, Update, UserId } from '@carillon/client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Chats } from './chats.ts'
import { type Conversation, mentioned, summarised, unread } from './conversation.ts'
import { messageOf } from './message.ts'
import { BOB, CONV, ME, NINE, PlayedServer, randomly, refused, settled } from './server.test.kit.ts'
import { SPREAD_MS } from './soon.ts'

async function opened(server: PlayedServer) {
  const chats = new Chats(server.door, ME)
  await settled()
  const conv = () => chats.state.getState().byId.get(CONV)
  return { chats, conv, unread: () => unread(conv() as Conversation) }
}

const said = (chats: Chats) => {
  const { stretch } = chats.talk(CONV).state.getState()
  return stretch?.events.map(event => event.seq) ?? []
}
const upTo = (head: number) => Array.from({ length: head }, (_, index) => index + 1)

function pageOf(server: PlayedServer) {
  return { topic: `c:${CONV}` as const, head: server.head, n: server.n, last: [] }
}

/** A day of messages, of reading on other devices, and of a connection that comes and goes. */
async function live(server: PlayedServer, random: (below: number) => number) {
  let online = true
  let missed: ReturnType<PlayedServer['hear']>[] = []
  const comeBack = () => {
    server.tell(server.page(), ...missed, { kind: 'synced' })
    missed = []
    online = true
  }
  for (let step = 0; step < 40; step++) {
    const what = random(6)
    if (what < 3) {
      const by = random(3) === 0 ? ME : BOB
      const heard = server.hear(server.say(`${step}`, { by, cid: `cid-${step}` }))
      if (online) server.tell(heard)
      else missed.push(heard)
    } else if (what === 3) {
      server.readSeq = Math.min(server.head, server.readSeq + random(5))
      online &&= random(2) === 0
      if (online) server.tell(server.read())
    } else if (what === 4) online = false
    else comeBack()
    if (random(4) === 0) await settled()
  }
  comeBack()
  await settled()
}

describe('the conversations', () => {
  test('have the rules that hold, whatever a group settles that its organisation limits', async () => {
    const server = new PlayedServer()
    const { conv } = await opened(server)
    server.rules = { mention_all: 'owners', ding_all: 'owners' }
    const rules = { mention_all: 'members', ding_all: 'owners' }
    server.tell(server.hear(server.append('conv.rules_changed', { rules })))
    await settled()
    expect(conv()?.rules).toEqual(server.rules)
  })

  test('of a window that heard everything are those of one that was just opened', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const server = new PlayedServer()
      const { chats, conv } = await opened(server)
      chats.talk(CONV).open(conv() as Conversation)
      await live(server, randomly(seed))
      const fresh = summarised(server.summary(), undefined)
      const facts = ({ head, n, readSeq, readN, last }: Conversation) => {
        return { seed, head, n, readSeq, readN, last }
      }
      expect(facts(conv() as Conversation)).toEqual(facts(fresh))
      expect(said(chats)).toEqual(upTo(server.head))
    }
  })

  test('have what is said while their messages are on their way', async () => {
    const server = new PlayedServer()
    const { chats, conv } = await opened(server)
    server.held = true
    chats.talk(CONV).open(conv() as Conversation)
    server.tell(server.hear(server.say('while it was asked')))
    server.held = false
    await server.release()
    expect(said(chats)).toEqual([1, 2])
  })

  test('are read on this device when they are on another', async () => {
    const server = new PlayedServer()
    const window = await opened(server)
    server.tell(server.hear(server.say('hello')))
    expect(window.unread()).toBe(1)
    server.readSeq = server.head
    server.tell(server.read())
    expect(window.unread()).toBe(0)
  })

  test('say at the start that an unread message mentions the person', async () => {
    const server = new PlayedServer()
    server.say('@me', {}, [ME])
    server.say('something else')
    const mention = { topic: `c:${CONV}`, cid: 'c' }
    const usual = server.door.call.bind(server.door)
    server.instead['log.read'] = args => {
      const { topic } = args as { topic: string }
      const events = [{ k: 'msg.mentioned', data: mention }]
      return topic === `u:${ME}`
        ? { events, head: 1, floor: 1, more: false }
        : usual('log.read', args)
    }
    const { conv } = await opened(server)
    expect(mentioned(conv() as Conversation)).toBe(true)
  })
})

describe('what is heard of a conversation before it is known', () => {
  /** A window whose list is older than what it hears. */
  async function late(happens: (server: PlayedServer) => void) {
    const server = new PlayedServer()
    server.say('one')
    server.held = true
    const window = await opened(server)
    happens(server)
    server.held = false
    await server.release()
    return window
  }

  test('is not lost: a message', async () => {
    const window = await late(server => server.tell(server.hear(server.say('two'))))
    expect(window.unread()).toBe(2)
  })

  test('is not lost: a page without its events', async () => {
    const window = await late(server => {
      server.say('two')
      server.tell(server.page(), { kind: 'synced' })
    })
    expect([window.unread(), window.conv()?.last?.seq]).toEqual([2, 3])
  })

  test('is not lost: what was read on another device', async () => {
    const window = await late(server => {
      server.readSeq = server.head
      server.tell(server.read())
    })
    expect(window.unread()).toBe(0)
  })

  test('is not lost: a message that comes while the conversation is asked for', async () => {
    const server = new PlayedServer()
    server.instead['conv.list'] = () => ({ convs: [], more: false })
    const window = await opened(server)
    server.held = true
    server.tell(server.hear(server.say('one')))
    await settled()
    server.tell(server.hear(server.say('two')), server.hear(server.say('three')))
    server.held = false
    await server.release()
    expect(window.unread()).toBe(3)
  })

  test('is asked for once if nobody knows more', async () => {
    const server = new PlayedServer()
    const { conv } = await opened(server)
    server.tell({ kind: 'topic', page: { ...pageOf(server), head: 9 } }, { kind: 'synced' })
    await settled()
    expect(server.calls.filter(call => call.op === 'conv.get')).toHaveLength(1)
    expect(conv()?.head).toBe(9)
  })
})

/** An event of the organisation's log. */
function ofOrg(k: string, data: unknown, by: UserId = BOB): Update {
  const event = { topic: 'o:org', seq: 9, n: 0, k, id: k, by, at: NINE, data } as Event
  return { kind: 'event', event }
}

describe('after an import', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  async function imported(by: UserId) {
    const server = new PlayedServer()
    await opened(server)
    const lists = () => server.calls.filter(({ op }) => op === 'conv.list').length
    server.tell(ofOrg('org.imported', {}, by), ofOrg('org.imported', {}, by))
    const pass = async (ms: number) => {
      vi.advanceTimersByTime(ms)
      await settled()
    }
    return { lists, pass }
  }

  test('the conversations are fetched again, once, by whoever imported at once', async () => {
    const { lists, pass } = await imported(ME)
    await pass(0)
    expect(lists()).toBe(2)
    await pass(SPREAD_MS)
    expect(lists()).toBe(2)
  })

  test('and by everybody else within a few seconds', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { lists, pass } = await imported(BOB)
    await pass(SPREAD_MS / 2 - 1)
    expect(lists()).toBe(1)
    await pass(1)
    expect(lists()).toBe(2)
    await pass(SPREAD_MS)
    expect(lists()).toBe(2)
    vi.restoreAllMocks()
  })
})

describe('the list of conversations', () => {
  test('loses one when the person is taken out, and says who did it', async () => {
    const server = new PlayedServer()
    const { chats, conv } = await opened(server)
    server.tell(server.hear(server.append('conv.members_changed', { removed: [ME] })))
    expect(conv()).toBeUndefined()
    expect(chats.state.getState().order).toEqual([])
    expect(chats.state.getState().left.get(CONV)).toEqual({ title: 'Central', by: BOB })
    server.tell(server.hear(server.append('conv.members_changed', { added: [ME] })))
    await settled()
    expect(conv()?.title).toBe('Central')
    expect(chats.state.getState().left.size).toBe(0)
  })

  test('of a server that was set back to a backup are what it says now', async () => {
    const server = new PlayedServer()
    for (let number = 0; number < 5; number++) server.say('lost')
    const { chats, conv, unread } = await opened(server)
    server.log.length = 2
    server.tell({ kind: 'reset', topic: `c:${CONV}`, head: 2 })
    await settled()
    expect([conv()?.head, unread()]).toEqual([2, 1])
    chats.talk(CONV).open(conv() as Conversation)
    await settled()
    expect(said(chats)).toEqual([1, 2])
  })

  test('stay what they are when a page of the catch-up is older than the list', async () => {
    const server = new PlayedServer()
    server.say('one')
    const page = server.page()
    server.say('two')
    const { chats, conv, unread } = await opened(server)
    const talk = chats.talk(CONV)
    server.tell(page)
    expect([conv()?.head, unread()]).toEqual([3, 2])
    expect(chats.talk(CONV)).toBe(talk)
  })

  test('that could not be fetched are fetched again', async () => {
    const server = new PlayedServer()
    server.instead['conv.list'] = () => {
      throw refused('E_UNAVAILABLE')
    }
    const { chats, conv } = await opened(server)
    expect(chats.state.getState().state).toBe('failed')
    delete server.instead['conv.list']
    server.tell({ kind: 'synced' })
    await settled()
    expect([chats.state.getState().state, conv()?.id]).toEqual(['there', CONV])
  })

  test('come to the top with what is written in them, also before it is sent', async () => {
    const server = new PlayedServer()
    const other = { ...server.summary(), conv: `${CONV.slice(0, -1)}Z`, last: server.say('later') }
    server.instead['conv.list'] = () => ({ convs: [server.summary(), other], more: false })
    const { chats } = await opened(server)
    const message = { conv: other.conv, body: { kind: 'text' as const, text: 'offline' } }
    server.outbox = [{ cid: 'c', conv: other.conv, message, queuedAt: NINE * 2 }]
    server.tell({ kind: 'outbox' })
    expect(chats.state.getState().order[0]).toBe(other.conv)
    expect(chats.state.getState().byId.get(other.conv)?.pending).toHaveLength(1)
  })
})

/** A conversation with so many messages, which the person has opened. */
async function talking(count: number) {
  const server = new PlayedServer()
  for (let number = 0; number < count; number++) server.say('message')
  const { chats, conv } = await opened(server)
  const talk = chats.talk(CONV)
  talk.open(conv() as Conversation)
  await settled()
  return { server, chats, conv, talk, state: () => talk.state.getState() }
}

describe('the messages of a conversation', () => {
  test('are read from the log when the eyes come near an end', async () => {
    const { talk, state } = await talking(200)
    expect(state().stretch).toMatchObject({ live: true, atStart: false })
    while (!state().stretch?.atStart) await talk.older()
    expect(state().stretch?.events).toHaveLength(201)
  })

  test('are found where the person had stopped to read', async () => {
    const { talk, state } = await talking(500)
    expect(state().missed).toEqual({ after: 1, count: 500 })
    await talk.jump(1)
    expect(state().target).toEqual({ to: 1 })
    expect(state().stretch).toMatchObject({ atStart: true, live: false })
    expect(state().missed).toBeUndefined()
    await talk.newest()
    expect(state().stretch?.live).toBe(true)
  })
})

describe('the messages of an open conversation', () => {
  test('that fail to load say so and are asked for again', async () => {
    const { server, talk, state } = await talking(200)
    server.instead['log.read'] = () => {
      throw refused('E_UNAVAILABLE')
    }
    await talk.older()
    expect(state().failed?.part).toBe('older')
    delete server.instead['log.read']
    await talk.again()
    expect([state().failed, state().stretch?.events.length]).toEqual([undefined, 160])
  })

  test('are read again when they say something else and nobody says what', async () => {
    const { server, chats, conv } = await talking(0)
    const sent = server.append('msg.sent', { kind: 'card', card: { title: 'Lunch?' }, rev: 2 })
    server.tell(server.hear(sent))
    const change = server.append('card.updated', { of: sent.seq })
    server.log[sent.seq - 1] = {
      ...sent,
      data: { kind: 'card', card: { title: 'Rice!' }, rev: change.seq },
    } as Event
    server.tell(server.hear(change))
    await settled()
    const { stretch } = chats.talk(CONV).state.getState()
    const shown = [stretch?.events.find(({ seq }) => seq === sent.seq), conv()?.last]
    expect(shown.map(event => event && messageOf(event, ME)?.text)).toEqual(['Rice!', 'Rice!'])
    const asked = server.calls.filter(({ op }) => op === 'log.read').length
    server.tell(server.hear(server.say('late')))
    await settled()
    expect(server.calls.filter(({ op }) => op === 'log.read')).toHaveLength(asked)
  })

  test('are marked as new when they come while nobody is there', async () => {
    const { server, talk, state } = await talking(0)
    talk.present(false)
    server.tell(server.hear(server.say('anybody?')))
    server.tell(server.hear(server.say('hello?')))
    expect(state().newAfter).toBe(1)
    expect(state().missed).toEqual({ after: 1, count: 2 })
    talk.present(true)
    talk.close()
    expect(state().newAfter).toBeUndefined()
  })

  test('are marked as new from the first that was not read when the person turned away', async () => {
    const { server, talk, state } = await talking(0)
    server.tell(server.hear(server.say('glanced at')))
    expect(state().newAfter).toBeUndefined()
    talk.present(false)
    server.tell(server.hear(server.say('anybody?')))
    expect(state().newAfter).toBe(1)
    expect(state().missed).toEqual({ after: 1, count: 2 })
  })

  test('are told with their members, which are fetched again while somebody looks', async () => {
    const { server, talk } = await talking(0)
    server.instead['conv.member.list'] = () => ({ members: [], more: false })
    const comes = () => server.tell(server.hear(server.append('conv.members_changed', {})))
    const asked = () => server.calls.filter(({ op }) => op === 'conv.member.list').length
    comes()
    expect(asked()).toBe(0)
    await talk.members.load()
    comes()
    await settled()
    expect(asked()).toBe(2)
    talk.close()
    comes()
    expect(asked()).toBe(2)
    await talk.members.load()
    expect(asked()).toBe(3)
  })

  test('have their members fetched again when one of them leaves the organisation', async () => {
    const { server, talk } = await talking(0)
    const member = { user: BOB, name: 'Bob', role: 'owner', joined_seq: 1 }
    server.instead['conv.member.list'] = () => ({ members: [member], more: false })
    const asked = () => server.calls.filter(({ op }) => op === 'conv.member.list').length
    await talk.members.load()
    server.instead['conv.member.list'] = () => ({
      members: [{ ...member, left: true }],
      more: false,
    })
    server.tell(ofOrg('org.member_left', { user: ME, name: 'Me' }))
    await settled()
    expect(asked()).toBe(1)
    server.tell(ofOrg('org.member_left', { user: BOB, name: 'Bob' }))
    await settled()
    expect(talk.members.list.getState().members[0]?.left).toBe(true)
    server.tell(ofOrg('org.member_returned', { user: BOB, name: 'Bob' }))
    await settled()
    expect(asked()).toBe(3)
  })

  test('of a log that ends earlier than was said are not asked for without end', async () => {
    const { server, talk, state } = await talking(3)
    talk.reaches(9)
    await settled()
    const topic = `c:${CONV}`
    const reads = server.calls.filter(({ args }) => (args as { topic?: string }).topic === topic)
    expect(reads).toHaveLength(2)
    expect(state().loading).toBeUndefined()
  })
})
