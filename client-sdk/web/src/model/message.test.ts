import { expect, test } from 'vitest'
import { lineOf, messageOf } from './message.ts'
import { ME, PlayedServer } from './server.test.kit.ts'

const said = (data: object) => {
  const message = messageOf(new PlayedServer().append('msg.sent', data), ME)
  if (!message) throw new Error('that is no message')
  return message
}

test('in one line a message shows its title, or what it says with how that is to be read', () => {
  const line = (data: object) => lineOf(said(data))
  expect(line({ kind: 'text', text: '**hi**' })).toEqual({ text: '**hi**', markdown: false })
  expect(line({ kind: 'markdown', text: '**hi**' })).toEqual({ text: '**hi**', markdown: true })
  expect(line({ kind: 'markdown', title: 'T', text: '*x*' })).toEqual({
    text: 'T',
    markdown: false,
  })
  const card = { text: '*x*', fields: [{ label: 'To', value: 'you' }] }
  expect(line({ kind: 'card', card })).toEqual({ text: '*x*\nTo: you', markdown: true })
  expect(line({ kind: 'card', card: { ...card, title: 'Lunch?' } })).toEqual({
    text: 'Lunch?',
    markdown: false,
  })
})

test('what is withheld says nothing, and is no message of an unknown kind', () => {
  const [withheld, unknown] = [said({ kind: 'withheld' }), said({ kind: 'hologram' })]
  expect([withheld.withheld, unknown.withheld]).toEqual([true, false])
  expect([lineOf(withheld), lineOf(unknown)]).toEqual([undefined, undefined])
})
