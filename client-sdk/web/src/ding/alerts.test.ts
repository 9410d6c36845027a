import { CarillonError, type Ding, type Update } from '@carillon/client'
import { expect, test, vi } from 'vitest'
import { storage } from '../model/storage.test.kit.ts'
import { AGAIN_MS, Alerts } from './alerts.ts'
import { ANSWERS_MAX, Answers } from './answers.ts'

const ME = '01ARZ3NDEKTSV4RRFFQ69G5FA0'
const AMY = '01ARZ3NDEKTSV4RRFFQ69G5FA1'

function ding(id: string, more: Partial<Ding> = {}): Ding {
  return { ding: id, by: AMY, text: id, at: 1, mine: { state: 'queued', at: 1 }, ...more }
}

type Answer = (args: never) => unknown

/** A server that the test plays: what it is asked, and what it tells. */
class Played {
  readonly calls: { op: string; args: unknown }[] = []
  open: Ding[] = []
  readonly instead: Record<string, Answer> = {}
  #tell: (update: Update) => void = () => {}
  readonly alerts: Alerts

  constructor(open: Ding[] = [], kept = storage()) {
    this.open = open
    const listen = (listener: (update: Update) => void) => {
      this.#tell = listener
      return () => {}
    }
    const call = async (op: string, args: never) => {
      this.calls.push({ op, args })
      const instead = this.instead[op]
      if (instead) return instead(args)
      const { ding } = args as { ding?: string }
      if (ding && op !== 'ding.seen') this.open = this.open.filter(it => it.ding !== ding)
      return op === 'ding.list' ? { dings: this.open, more: false } : {}
    }
    this.alerts = new Alerts({ listen, call: call as never }, new Answers(kept, ME))
  }

  synced(): void {
    this.#tell({ kind: 'synced' })
  }

  tell(k: string, data: unknown, at = 1): void {
    const event = { topic: `u:${ME}`, seq: 1, n: 1, k, id: k, by: AMY, at, data }
    this.#tell({ kind: 'event', event } as unknown as Update)
  }

  called(ding: Ding, sound = true): void {
    this.tell('ding.called', { ding, sound })
  }

  asked(op: string): unknown[] {
    return this.calls.filter(call => call.op === op).map(({ args }) => args)
  }

  get texts(): string[] {
    return this.alerts.state.getState().calls.map(({ ding }) => ding.text)
  }
}

/** Whoever is there, with what is open. */
async function there(open: Ding[] = [], kept = storage()): Promise<Played> {
  const server = new Played(open, kept)
  server.synced()
  await vi.waitFor(() => expect(server.alerts.state.getState().known).toBe(true))
  return server
}

test('what was open before the app was, is shown and acknowledged', async () => {
  const server = await there([ding('B', { at: 2 }), ding('A', { at: 1 })])
  expect(server.texts).toEqual(['A', 'B'])
  await vi.waitFor(() => expect(server.asked('ding.received')).toEqual([{ dings: ['B', 'A'] }]))
})

test('an alert that comes is shown at once, and one that is over goes', async () => {
  const server = await there()
  server.called(ding('A'))
  expect(server.texts).toEqual(['A'])
  server.tell('ding.ended', { ding: 'A', state: 'confirmed' })
  expect(server.texts).toEqual([])
})

test('what the catch-up tells of old alerts opens none of them', async () => {
  const server = new Played([])
  server.called(ding('OLD'))
  server.synced()
  await vi.waitFor(() => expect(server.alerts.state.getState().known).toBe(true))
  expect(server.texts).toEqual([])
})

test.each([
  ['rings if that is a moment ago', () => Date.now(), true],
  ['is silent if it is long ago', () => 1, false],
])('what called while the app was opened %s', async (_, at, rings) => {
  const server = new Played([ding('A')])
  server.tell('ding.called', { ding: ding('A'), sound: true }, at())
  server.synced()
  const sounds = () => server.alerts.state.getState().calls.map(({ sound }) => sound)
  await vi.waitFor(() => expect(server.asked('ding.list')).toHaveLength(2))
  await vi.waitFor(() => expect(sounds()).toEqual([rings]))
})

test('an alert that comes while the list is on its way is not lost', async () => {
  const server = await there()
  let answer = (_: unknown) => {}
  server.instead['ding.list'] = () => new Promise(done => (answer = done))
  server.synced()
  server.called(ding('NEW'))
  answer({ dings: [ding('A')], more: false })
  await vi.waitFor(() => expect(server.texts).toContain('A'))
  expect(server.texts).toContain('NEW')
})

test('one that ends while the list is on its way does not come back with it', async () => {
  const server = await there([ding('A')])
  let answer = (_: unknown) => {}
  server.instead['ding.list'] = () => new Promise(done => (answer = done))
  server.synced()
  server.tell('ding.ended', { ding: 'A', state: 'recalled' })
  delete server.instead['ding.list']
  server.open = [ding('B')]
  answer({ dings: [ding('A')], more: false })
  await vi.waitFor(() => expect(server.texts).toEqual(['B']))
})

test('what was put aside comes back with the next try, and counts as another one', async () => {
  const server = await there()
  server.called(ding('A'))
  const [first] = server.alerts.state.getState().calls
  server.alerts.later(first?.key ?? '')
  expect(server.alerts.state.getState().calls[0]?.later).toBe(true)
  server.called(ding('A'))
  expect(server.alerts.state.getState().calls).toMatchObject([{ later: false, times: 2 }])
  expect(server.asked('ding.received').length).toBeLessThanOrEqual(1)
})

test('an answer that the server refuses leaves the alert, and says so', async () => {
  const server = await there([ding('A')])
  server.instead['ding.confirm'] = () => {
    throw new CarillonError({ code: 'E_UNAVAILABLE', msg: 'later', retry: 'after' })
  }
  const { ding: open } = only(server)
  expect(await server.alerts.confirm(open)).toBe(false)
  expect(server.alerts.state.getState().answering).toMatchObject({ A: { state: 'failed' } })
  delete server.instead['ding.confirm']
  expect(await server.alerts.confirm(open, 'On my way')).toBe(true)
  expect(server.texts).toEqual([])
  expect(server.asked('ding.confirm').at(-1)).toMatchObject({ ding: 'A', reply: 'On my way' })
})

/** An alert by which somebody is called instead of one, and of so many others. */
function instead(instead_of: string, others?: number): Ding {
  return ding('A', { mine: { state: 'queued', at: 1, instead_of, ...(others && { others }) } })
}

test('who is called for several colleagues is asked once, and answers for all of them', async () => {
  const server = await there()
  server.called(instead('BOB'))
  server.called(instead('BOB', 1))
  await server.alerts.confirm(only(server).ding)
  expect(server.asked('ding.confirm')).toEqual([{ ding: 'A', others: true }])
  expect(server.texts).toEqual([])
})

test('while others wait, a call for several goes on as it is when the first of them answers', async () => {
  const server = await there([instead('BOB', 29)])
  server.called(instead('BOB', 29))
  const { key, times } = only(server)
  server.alerts.answers.keep(key, { what: 'reply', words: 'Half a', given: false })
  const answers = (whom: string, open: Ding[]) => {
    server.open = open
    server.tell('ding.ended', { ding: 'A', state: 'confirmed', instead_of: whom })
  }
  answers('BOB', [instead('CAROL', 28)])
  await vi.waitFor(() => expect(only(server).ding.mine?.instead_of).toBe('CAROL'))
  expect(only(server)).toMatchObject({ key, sound: true, times, later: false })
  server.alerts.later(key)
  answers('CAROL', [instead('DAN', 27)])
  await vi.waitFor(() => expect(only(server).ding.mine?.instead_of).toBe('DAN'))
  expect(only(server)).toMatchObject({ key, times, later: true })
  expect(server.alerts.answers.get(key)?.words).toBe('Half a')
  answers('DAN', [])
  await vi.waitFor(() => expect(server.texts).toEqual([]))
})

test('that another colleague waits silently neither stops what rings nor begins it anew', async () => {
  const server = await there()
  server.called(instead('BOB'))
  const { times } = only(server)
  server.called(instead('BOB', 1), false)
  expect(only(server)).toMatchObject({ sound: true, times })
})

test('an alert of the person stands beside the one by which they are called for others', async () => {
  const server = await there([ding('A')])
  server.called(instead('BOB', 1))
  server.synced()
  await vi.waitFor(() => expect(server.asked('ding.list').length).toBeGreaterThanOrEqual(3))
  expect(server.texts).toEqual(['A', 'A'])
  for (const instead_of of ['BOB', 'CAROL']) {
    server.tell('ding.ended', { ding: 'A', state: 'confirmed', instead_of })
  }
  expect(server.texts).toEqual(['A'])
  expect(only(server).key).toBe('A')
})

test('it is seen once it was looked at, and not again by the next look', async () => {
  const server = await there()
  server.alerts.seen(ding('A'))
  server.alerts.seen(ding('A', { mine: { state: 'seen', at: 2 } }))
  expect(server.asked('ding.seen')).toEqual([{ ding: 'A' }])
})

/** The only alert that is there. */
function only(server: Played) {
  const [call] = server.alerts.state.getState().calls
  if (!call) throw new Error('there is one')
  return call
}

/** A call that nothing is heard of any more. */
const lost = () => new Promise(() => {})

test('an answer that was on its way when the page was closed is given by the next one', async () => {
  const kept = storage()
  const before = await there([ding('A'), ding('B')], kept)
  before.instead['ding.confirm'] = lost
  before.instead['ding.decline'] = lost
  const [a, b] = before.alerts.state.getState().calls
  if (!a || !b) throw new Error('there are two')
  void before.alerts.confirm(a.ding, 'On my way')
  void before.alerts.decline(b.ding, 'I am ill')
  expect(before.texts).toEqual(['A', 'B'])
  const after = await there([ding('A'), ding('B')], kept)
  await vi.waitFor(() => expect(after.texts).toEqual([]))
  expect(after.asked('ding.confirm')).toMatchObject([{ ding: 'A', reply: 'On my way' }])
  expect(after.asked('ding.decline')).toEqual([{ ding: 'B', reason: 'I am ill' }])
  const later = await there([ding('A')], kept)
  expect(later.texts).toEqual(['A'])
  expect(later.asked('ding.confirm')).toEqual([])
})

test('an answer that the server refuses is kept for the person, and not given again', async () => {
  const kept = storage()
  const server = await there([ding('A')], kept)
  server.instead['ding.confirm'] = () => {
    throw new CarillonError({ code: 'E_BAD_ARG', msg: 'write less', retry: 'no' })
  }
  await server.alerts.confirm(only(server).ding, 'Too long')
  server.synced()
  await vi.waitFor(() => expect(server.asked('ding.list').length).toBeGreaterThanOrEqual(3))
  expect(server.asked('ding.confirm')).toHaveLength(1)
  const refused = { what: 'reply', words: 'Too long', given: false }
  expect(server.alerts.answers.get('A')).toEqual(refused)
})

/** What is said where the server cannot be reached. */
function unreachable(): never {
  throw new CarillonError({ code: 'E_UNAVAILABLE', msg: 'later', retry: 'after' })
}

test('an answer that did not reach the server is given again, though its alert is over', async () => {
  const kept = storage()
  const before = await there([ding('A'), instead('BOB', 2)], kept)
  before.instead['ding.confirm'] = lost
  void before.alerts.confirm(ding('A'), 'On my way')
  void before.alerts.confirm(instead('BOB', 2))
  before.tell('ding.ended', { ding: 'A', state: 'expired' })
  const after = await there([], kept)
  await vi.waitFor(() => expect(after.asked('ding.confirm')).toHaveLength(2))
  expect(after.asked('ding.confirm')).toEqual([
    { ding: 'A', reply: 'On my way' },
    { ding: 'A', others: true },
  ])
  await vi.waitFor(() => expect(after.alerts.answers.given()).toEqual([]))
})

test('what the server refuses of an alert that is over is not given again', async () => {
  const kept = storage()
  new Answers(kept, ME).keep('A', { what: 'reply', words: '', given: true })
  const server = new Played([], kept)
  server.instead['ding.confirm'] = () => {
    throw new CarillonError({ code: 'E_CONFLICT', msg: 'taken back', retry: 'no' })
  }
  server.synced()
  await vi.waitFor(() => expect(server.alerts.answers.get('A')).toBeUndefined())
  expect(server.asked('ding.confirm')).toHaveLength(1)
})

test('an answer is given again by itself, unless the person takes it back', async () => {
  const server = await there([ding('A')])
  server.instead['ding.confirm'] = unreachable
  vi.useFakeTimers()
  try {
    await server.alerts.confirm(only(server).ding)
    expect(server.alerts.state.getState().answering).toMatchObject({ A: { again: true } })
    server.alerts.later('A')
    await vi.advanceTimersByTimeAsync(AGAIN_MS)
    expect(server.asked('ding.confirm')).toHaveLength(2)
    expect(only(server).later).toBe(true)
    server.alerts.takeBack('A')
    expect(server.alerts.state.getState().answering).toEqual({})
    await vi.advanceTimersByTimeAsync(AGAIN_MS)
    expect(server.asked('ding.confirm')).toHaveLength(2)
    await server.alerts.confirm(only(server).ding)
    delete server.instead['ding.confirm']
    await vi.advanceTimersByTimeAsync(AGAIN_MS)
    expect(server.texts).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('an answer that an older version kept by its person is given for that person', async () => {
  const kept = storage()
  const old = [['A BOB', { what: 'reply', words: '', given: true }]]
  kept.setItem(`carillon-answers-${ME}`, JSON.stringify(old))
  const server = await there([], kept)
  await vi.waitFor(() => expect(server.asked('ding.confirm')).toHaveLength(1))
  expect(server.asked('ding.confirm')).toEqual([{ ding: 'A', instead_of: 'BOB' }])
})

test('what somebody wrote about an alert that is over is forgotten', async () => {
  const server = await there([ding('A')])
  server.alerts.answers.keep('A', { what: 'reply', words: 'Half a', given: false })
  server.tell('ding.ended', { ding: 'A', state: 'recalled' })
  expect(server.alerts.answers.get('A')).toBeUndefined()
})

test('of answers the newest are kept, of each person apart, and nothing that is not one', () => {
  const kept = storage()
  const answers = new Answers(kept, ME)
  const reply = { what: 'reply', words: 'Yes', given: false } as const
  for (let at = 0; at <= ANSWERS_MAX; at += 1) answers.keep(`${at}`, reply)
  expect(answers.get('0')).toBeUndefined()
  expect(answers.get('1')).toEqual(reply)
  expect(new Answers(kept, AMY).get('1')).toBeUndefined()
  answers.clear()
  expect(answers.get('1')).toBeUndefined()
  for (const broken of ['{', '{}', '[["A"]]', '[["A",{"what":"reply"}]]']) {
    kept.setItem(`carillon-answers-${ME}`, broken)
    expect(answers.get('A')).toBeUndefined()
  }
})
