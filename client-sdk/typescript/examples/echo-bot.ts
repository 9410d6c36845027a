// Answers every message of others with the same text, each once, also across restarts.

import { Client, folder, text } from '@carillon/client/node'

const { CARILLON_URL: url = '', CARILLON_TOKEN: token = '' } = process.env
const bot = await Client.connect({ url, token, state: folder('echo-bot') })
for await (const update of bot.events()) {
  if (update.kind !== 'event' || update.event.by === bot.me) continue
  const said = text(update.event)
  if (said !== undefined) await bot.reply(update.event, said)
}
