// Counts what each person writes, each message once; tells whoever asks how many theirs were.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { Client } from '@carillon/client/node'

const { CARILLON_URL: url = '', CARILLON_TOKEN: token = '' } = process.env
const kept = await readFile('tally.json', 'utf8').catch(() => '{"seen":{},"counts":{}}')
// Of each conversation the last message that was counted, and of each person how many.
const { seen, counts } = JSON.parse(kept)

const program = await Client.connect({
  url,
  token,
  handles: {
    'app.tally.mine': (_args, { caller }) => ({ count: counts[caller.user] ?? 0 }),
  },
  listens: {
    kinds: ['msg.sent'],
    async hear({ topic, seq, by }) {
      if (seq > (seen[topic] ?? 0)) {
        seen[topic] = seq
        counts[by] = (counts[by] ?? 0) + 1
      }
      // On disk before it is acknowledged: what is told again has been counted.
      await writeFile('tally.new', JSON.stringify({ seen, counts }))
      await rename('tally.new', 'tally.json')
    },
  },
})
program.listen(() => {})
