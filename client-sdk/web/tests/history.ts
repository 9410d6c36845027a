import { Client, type ConvId } from '@carillon/client/node'
import type { Server } from './kit.ts'

/** What lets a test write faster than any person. */
export const FAST = { CARILLON_LIMITS__WRITES_PER_S: '1000000' }
/** So many messages of one author are on their way at once; a client takes 256 calls. */
const AT_ONCE = 64

/** Fills a conversation with so many messages, of one, two or several lines, by these people. */
export async function talkALot(
  server: Server,
  conv: ConvId,
  authors: readonly string[],
  count: number,
): Promise<void> {
  let next = 1
  const write = async (client: Client) => {
    for (let number = next++; number <= count; number = next++) {
      const text = `message ${number} of many${' and some more words'.repeat((number * 7) % 17)}`
      await client.call('msg.send', { conv, body: { kind: 'text', text } })
    }
  }
  const speak = async (login: string) => {
    const client = await Client.connect({ url: server.url, token: await server.token(login) })
    const stop = client.listen(() => {})
    await Promise.all(Array.from({ length: AT_ONCE }, () => write(client)))
    stop()
    await client.close()
  }
  await Promise.all(authors.map(speak))
}
