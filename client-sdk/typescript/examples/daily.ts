// Posts each working day at nine what happened in the robot's group on the day before.

import { env, stdout } from 'node:process'

const { CARILLON_URL: url = '', ROBOT_TOKEN: token = '' } = env
const plan = {
  schedule: 'daily',
  title: 'Yesterday in this group',
  cron: '0 9 * * 1-5',
  says: { kind: 'digest', digest: 'group_yesterday' },
}
const address = `${url}/robot/schedule/put?access_token=${token}`
const answer = await fetch(address, { method: 'POST', body: JSON.stringify(plan) })
if (!answer.ok) throw new Error(await answer.text())
stdout.write(`next: ${(await answer.json()).next[0]}\n`)
