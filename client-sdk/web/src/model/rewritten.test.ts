import type { Event, EventOf } from '@carillon/client'
import { expect, test } from 'vitest'
import { messageOf } from './message.ts'
import { Changes, rewritten } from './rewritten.ts'
import { ME, PlayedServer } from './server.test.kit.ts'
import type { Stretch } from './stretch.ts'

const card = (title: string) => ({ title, buttons: [{ label: 'Yes', act: 'yes' }] })

function played() {
  const server = new PlayedServer()
  const sent = server.append('msg.sent', { kind: 'card', card: card('Lunch?'), rev: 2 })
  const change = (title: string) =>
    server.append('card.updated', { of: sent.seq, card: card(title) }) as EventOf<'card.updated'>
  return { server, sent, change }
}

const titleOf = (event: Event) => messageOf(event, ME)?.text

test('a change is made if it is newer than what is there, in whatever order they come', () => {
  const { sent, change } = played()
  const [first, second] = [change('Rice?'), change('Noodles?')]
  const twice = rewritten(rewritten(sent, first), second)
  expect(titleOf(twice)).toBe('Noodles?')
  expect(rewritten(twice, first)).toBe(twice)
  expect(rewritten(rewritten(sent, second), first)).toEqual(twice)
  expect(titleOf(sent)).toBe('Lunch?')
})

test('a page that was read before a change shows it, and what is the same stays the same', () => {
  const { server, sent, change } = played()
  const text = server.say('hello')
  const changes = new Changes()
  const stretch = (events: Event[]): Stretch => {
    return { events, from: 1, to: server.head, atStart: true, live: true }
  }
  const before = stretch([sent, text])
  expect(changes.heard(text)).toBe(false)
  expect(changes.made(before)).toBe(before)
  const [first, second] = [change('Rice?'), change('Noodles?')]
  expect([changes.heard(second), changes.heard(first)]).toEqual([true, true])
  const after = changes.made(before)
  expect(after.events.map(titleOf)).toEqual(['Noodles?', 'hello'])
  expect(after.events[1]).toBe(text)
  expect(changes.made(after)).toBe(after)
})

test('a change of a message that is none, or no card, changes nothing', () => {
  const { server, change } = played()
  const text = server.say('hello')
  const of = { ...change('x'), data: { of: text.seq, card: card('x') } }
  expect(rewritten(text, of)).toBe(text)
})

test('what a message says more than a text is known by its kind', () => {
  const { server, sent } = played()
  expect(messageOf(sent, ME)?.rich).toEqual({ kind: 'card', card: card('Lunch?') })
  const markdown = server.append('msg.sent', { kind: 'markdown', title: 'T', text: '*x*' })
  expect(messageOf(markdown, ME)).toMatchObject({ text: '*x*', rich: { title: 'T', text: '*x*' } })
  const newer = server.append('msg.sent', { kind: 'hologram', alt: 'a cat' })
  expect(messageOf(newer, ME)).toMatchObject({ text: 'a cat', rich: undefined })
  const broken = server.append('msg.sent', { kind: 'card', card: null })
  expect(messageOf(broken, ME)).toMatchObject({ text: undefined, rich: undefined })
})

test('a change that does not say what is read again once, and shown then', () => {
  const { server, sent } = played()
  const changes = new Changes()
  const events = [sent]
  const stretch: Stretch = { events, from: 1, to: server.head, atStart: true, live: true }
  const change = server.append('card.updated', { of: sent.seq })
  changes.heard(change)
  expect(changes.made(stretch)).toBe(stretch)
  expect([changes.toRead(stretch), changes.toRead(stretch)]).toEqual([[sent.seq], []])
  changes.read(sent.seq, undefined)
  expect(changes.toRead(stretch)).toEqual([sent.seq])
  // What was read before the change says nothing new.
  changes.read(sent.seq, sent)
  expect(changes.made(stretch)).toBe(stretch)
  const data = { kind: 'card', card: card('Rice!'), rev: change.seq }
  changes.read(sent.seq, { ...sent, data } as Event)
  expect(changes.made(stretch).events.map(titleOf)).toEqual(['Rice!'])
  changes.heard(server.append('card.updated', { of: sent.seq }))
  expect(changes.toRead(changes.made(stretch))).toEqual([sent.seq])
})

test('what was withheld is shown by a change that may be seen', () => {
  const { server, change } = played()
  const withheld = server.append('msg.sent', { kind: 'withheld', rev: server.head + 1 })
  const of = { ...change('Rice!'), data: { of: withheld.seq, card: card('Rice!') } }
  expect(titleOf(withheld)).toBeUndefined()
  expect(titleOf(rewritten(withheld, of))).toBe('Rice!')
})
