import type { PresencePerson, Update, UserId } from '@carillon/client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Presence } from './presence.ts'
import { BOB, ME, PlayedServer } from './server.test.kit.ts'

let server: PlayedServer
let presence: Presence
/** Who is online, as the server knows. */
let there: Set<UserId>

beforeEach(() => {
  vi.useFakeTimers()
  server = new PlayedServer()
  there = new Set()
  server.instead['presence.watch'] = ({ users }: { users: UserId[] }) => ({
    people: users.map(user => ({ user, online: there.has(user) })),
  })
  presence = new Presence(server.door)
  server.door.listen(update => presence.hear(update))
})

afterEach(() => {
  vi.useRealTimers()
})

const rest = () => vi.advanceTimersByTimeAsync(1_000)
const asked = () => server.calls.map(({ args }) => (args as { users: UserId[] }).users)
const online = () => [...presence.online.getState()]

function told(data: PresencePerson): Update {
  return { kind: 'ephemeral', ephemeral: { k: 'presence', topic: `u:${data.user}`, data } }
}

describe('who is online', () => {
  test('is asked of those on the screen, once it has come to rest', async () => {
    there.add(BOB)
    const marks = [presence.show(BOB), presence.show(ME), presence.show(BOB)]
    await rest()
    expect(asked()).toEqual([[ME, BOB]])
    expect(online()).toEqual([BOB])
    marks[0]?.()
    await rest()
    expect(asked()).toHaveLength(1)
    marks[2]?.()
    await rest()
    expect(asked()).toEqual([[ME, BOB], [ME]])
    expect(online()).toEqual([])
  })

  test('is heard as it changes, and nothing is said of whom it is not known', async () => {
    presence.show(BOB)
    await rest()
    server.tell(told({ user: BOB, online: true }))
    expect(online()).toEqual([BOB])
    server.tell(told({ user: BOB }))
    expect(online()).toEqual([])
  })

  test('is not known without a connection, and asked again of another one', async () => {
    there.add(BOB)
    presence.show(BOB)
    await rest()
    const offline = { state: 'offline', retryAt: 0, reason: '' } as const
    server.tell({ kind: 'connection', connection: offline })
    expect(online()).toEqual([])
    server.tell({ kind: 'connection', connection: { state: 'online' } }, { kind: 'synced' })
    await rest()
    expect(asked()).toEqual([[BOB], [BOB]])
    expect(online()).toEqual([BOB])
  })

  test('is not asked of more people than a connection may watch', async () => {
    for (let number = 0; number < 300; number++) presence.show(`user-${number}`)
    await rest()
    expect(asked()[0]).toHaveLength(200)
    expect(asked()[0]).toContain('user-299')
  })
})
