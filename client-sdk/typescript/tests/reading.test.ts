/** The outbox while what it reads of the state is out of date, or cannot be had. */

import { expect, it, vi } from 'vitest'
import { memory, type Store } from '../src/node.ts'
import { id, inState, say, sent, Table } from './kit.ts'

const table = Table.lay()

/** A state that can be made to answer late, with what it held when it was asked. */
class Slow {
  #held: (() => void)[] | undefined
  #asked = () => {}

  async open(): Promise<Store> {
    const store = await memory().open()
    const kept = store.kept.bind(store)
    store.kept = async asked => {
      const { entries, answers } = await kept(asked)
      const read = { entries, answers: new Map(answers) }
      const held = this.#held
      if (held) {
        await new Promise<void>(resolve => {
          held.push(resolve)
          this.#asked()
        })
      }
      return read
    }
    return store
  }

  /** Holds every answer from now on; resolves when one is held. */
  hold(): Promise<void> {
    this.#held = []
    return new Promise(resolve => {
      this.#asked = resolve
    })
  }

  /** Gives the answers that were held. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const give of held) give()
  }
}

/** Everything that needs no time has happened. */
function quiet(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

it('a message that came after what was read is not taken for lost', async () => {
  const state = new Slow()
  const client = await table.open({ state, url: 'http://127.0.0.1:1' })
  const reading = state.hold()
  const discarded = client.discard(id(1))
  await reading
  // What is held was read before this message came.
  const queueing = client.queue(say('hello'))
  await quiet()
  state.release()
  const [{ cid, sent: answer }] = await Promise.all([queueing, discarded])
  const lost = vi.fn()
  answer.catch(lost)
  await quiet()
  expect(lost).not.toHaveBeenCalled()
  expect(client.outbox.map(entry => entry.cid)).toEqual([cid])
})

it('an answer counts at once, and what was read before does not undo it', async () => {
  const state = new Slow()
  const [client, peer] = await table.connected({ state })
  const { sent: answer } = await client.queue(say('hello'))
  const call = await peer.call()
  const reading = state.hold()
  const discarded = client.discard(id(1))
  await reading
  peer.ok(call, sent(1))
  expect(await answer).toEqual(sent(1))
  expect(client.outbox).toEqual([])
  state.release()
  await discarded
  await quiet()
  expect(client.outbox).toEqual([])
  // It does not go a second time: what is asked next is the next thing that is asked.
  void client.call('session.whoami', {}).catch(() => {})
  expect((await peer.call()).op).toBe('session.whoami')
})

it('a state that cannot be read any more ends the client', async () => {
  const failing = {
    async open() {
      const store = await memory().open()
      const kept = store.kept.bind(store)
      let reads = 0
      store.kept = async asked => {
        reads += 1
        if (reads > 1) throw new Error('the disk is gone')
        return kept(asked)
      }
      return store
    },
  }
  const client = await table.open({ state: failing, url: 'http://127.0.0.1:1' })
  const stream = client.events()
  await client.queue(say('hello'))
  const { connection } = await inState(stream, 'ended')
  expect(connection).toMatchObject({ error: { code: 'E_STORAGE' } })
})
