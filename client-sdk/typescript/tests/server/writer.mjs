// Writes messages until it is killed, and says of each that it is kept as soon as that is promised.

import { Client, folder } from '@carillon/client/node'

const { CARILLON_URL: url, CARILLON_TOKEN: token, STATE, CONV: conv } = process.env
const client = await Client.open({ url, token, state: folder(STATE) })
for (let number = 1; number <= 50; number += 1) {
  const text = `message ${number}`
  await client.queue({ conv, body: { kind: 'text', text } })
  process.stdout.write(`${text}\n`)
}
