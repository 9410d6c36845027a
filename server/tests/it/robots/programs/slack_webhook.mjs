// Posts a text and blocks: slack_webhook.mjs ADDRESS, run where @slack/webhook is installed.
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { IncomingWebhook } = require('@slack/webhook')

const hook = new IncomingWebhook(process.argv[2])
const header = { type: 'header', text: { type: 'plain_text', text: 'Deployed' } }
for (const message of ['from node', { text: 'for others', blocks: [header] }]) {
  const answer = await hook.send(message)
  if (answer.text !== 'ok') throw new Error(answer.text)
}
