/** People without an account come into a meeting by a link, through the shipped server. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { Client, newId, rpc } from '../../src/node.ts'
import { enterAsGuest, lookAtLink } from '../../src/rooms.ts'
import { Channel } from '../kit.ts'
import { Carillon } from './carillon.ts'

let carillon: Carillon

beforeAll(async () => {
  carillon = await Carillon.start()
})

afterAll(() => carillon.stop())

it('lets a guest knock with a name, hear that they are let in, and do nothing else', async () => {
  const { url } = carillon
  const [amy, bob] = [await carillon.person('amy'), await carillon.person('bob')]
  const conv = await carillon.group(amy, bob)
  const as = { token: amy.token }
  const { room } = await rpc(url, 'room.create', { conv }, as)
  await rpc(url, 'room.join', { room }, as)
  const { link, secret } = await rpc(url, 'room.link', { room }, as)
  expect(await lookAtLink(url, secret)).toMatchObject({ phase: 'open' })

  const { token, user, ...entered } = await enterAsGuest(url, secret, ' Mei ')
  expect(entered).toMatchObject({ room, name: 'Mei' })
  const client = await Client.connect({ url, token, user })
  try {
    const admitted = new Channel<unknown>()
    client.listen(update => {
      if (update.kind === 'event' && update.event.k === 'room.admitted') admitted.give(update)
    })
    const { participant, offer, ...knocked } = await client.call('room.join', { room })
    expect(offer).toBeUndefined()
    expect(knocked.room.participants).toMatchObject([{ role: 'guest', name: 'Mei', waiting: true }])
    await rpc(url, 'room.admit', { participant, admit: true }, as)
    await admitted.take()
    expect((await client.call('room.join', { room })).offer).toMatch(/^v=0/)
    const closed = expect.objectContaining({ code: 'E_FORBIDDEN' })
    await expect(client.call('org.member.list', {})).rejects.toEqual(closed)
    const body = { kind: 'text' as const, text: 'hello' }
    await expect(client.call('msg.send', { conv, body }, { cid: newId() })).rejects.toEqual(closed)
  } finally {
    await client.close()
  }
  await rpc(url, 'room.unlink', { link }, as)
  const useless = expect.objectContaining({ code: 'E_CONFLICT', field: 'secret' })
  await expect(enterAsGuest(url, secret, 'Mei')).rejects.toEqual(useless)
})
