import { expect, test } from 'vitest'
import { body, button, type Event, link, text } from '../src/index.ts'

const event = (data: unknown, k = 'msg.sent'): Event => {
  const place = { topic: 'c:01ARZ3NDEKTSV4RRFFQ69G5FAC', seq: 2, n: 1, id: 'e', by: 'u', at: 0 }
  return { ...place, k, data } as Event
}

test('a message has words whatever kind it is, and a newer one has none', () => {
  expect(text(event({ kind: 'text', text: 'hi' }))).toBe('hi')
  expect(text(event({ kind: 'markdown', title: 'T', text: '*hi*' }))).toBe('*hi*')
  const card = { title: 'Lunch?', text: 'at **one**', buttons: [button('Yes', 'yes')] }
  expect(text(event({ kind: 'card', card }))).toBe('Lunch?\nat **one**')
  expect(body(event({ kind: 'card', card }))).toEqual({ kind: 'card', card })
  for (const data of [{ kind: 'hologram', text: 'x' }, { kind: 'card' }, { kind: 'text' }, null]) {
    expect([body(event(data)), text(event(data))]).toEqual([undefined, undefined])
  }
  expect(body(event({ kind: 'text', text: 'hi' }, 'msg.edited'))).toBeUndefined()
})

test('a button does something or leads somewhere', () => {
  const style = { style: 'danger', confirm: 'Sure?' } as const
  expect(button('No', 'no', style)).toEqual({ label: 'No', act: 'no', ...style })
  expect(link('Open', 'https://example.org')).toEqual({ label: 'Open', url: 'https://example.org' })
})
