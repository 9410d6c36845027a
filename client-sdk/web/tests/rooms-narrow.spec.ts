import { enter, meets } from './meeting.ts'
import { test, WITH_DEVICES } from './visiting.ts'

test.use(WITH_DEVICES)

test('whose network lets nothing out but the port of this page meets the others', async ({
  visit,
  company,
}) => {
  test.setTimeout(120_000)
  const conv = await company.group('From a hotel', 'amy', 'bob')
  const amy = await visit('amy', conv)
  await enter(amy)
  const bob = await visit('bob', conv)
  // As if nothing came of the other ways that the server names.
  await bob.evaluate(() => {
    type Take = (description: RTCSessionDescriptionInit) => Promise<void>
    const take: Take = RTCPeerConnection.prototype.setRemoteDescription
    const here = ` ${location.port} typ host tcptype passive`
    const passes = (line: string) => !line.startsWith('a=candidate:') || line.includes(here)
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp = '' }) {
      return take.call(this, { type, sdp: sdp.split('\r\n').filter(passes).join('\r\n') })
    }
  })
  await enter(bob)
  await meets(bob, 1)
  await meets(amy, 1)
})
