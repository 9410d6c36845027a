/** Operations of a server over HTTP, in the name of whoever has the token. */
export function caller(url, token) {
  return async (op, args) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const body = JSON.stringify(args)
    const answer = await fetch(`${url}/v1/rpc/${op}`, { method: 'POST', headers, body })
    if (!answer.ok) throw new Error(`${op}: ${await answer.text()}`)
    return answer.json()
  }
}

/** Ends when whoever has started this program closes its standard input, or is gone. */
export function withParent(end) {
  process.stdin.once('close', end).resume()
}

/**
 * Somebody in a room, on whatever WebRTC the host has: a browser's page or a library of Node.
 * Sends a voice and a face, looks at the face of the first other one, and says every second how
 * much it has sent and received: packets of sound, and pictures.
 *
 * It is handed to pages as its source: nothing outside of it is used.
 */
export async function participate(room, { RTCPeerConnection, tracks, call, say }) {
  const { participant, offer } = await call('room.join', { room })
  const receiving = new RTCPeerConnection()
  const accept = async sdp => {
    await receiving.setRemoteDescription({ type: 'offer', sdp })
    const answer = await receiving.createAnswer()
    await receiving.setLocalDescription(answer)
    await call('room.answer', { participant, sdp: answer.sdp })
  }
  await accept(offer)

  const sending = new RTCPeerConnection()
  const sources = { microphone: tracks.audio, camera: tracks.video }
  const sections = Object.entries(sources).map(([source, track]) => ({
    source,
    section: sending.addTransceiver(track, { direction: 'sendonly' }),
  }))
  await sending.setLocalDescription(await sending.createOffer())
  const sends = sections.map(({ source, section }) => ({ mid: section.mid, source }))
  const { sdp } = await call('room.offer', { participant, sdp: sending.localDescription.sdp, sends })
  await sending.setRemoteDescription({ type: 'answer', sdp })
  for (const source of Object.keys(sources)) {
    await call('room.publish', { participant, source, publication: { muted: false } })
  }

  const sum = async (connection, type, of) => {
    const totals = { audio: 0, video: 0 }
    for (const report of (await connection.getStats()).values()) {
      if (report.type === type) totals[report.kind] += report[of[report.kind]] ?? 0
    }
    return totals
  }
  let looking
  const tick = async () => {
    const { participants } = await call('room.get', { room })
    const other = participants.find(
      it => it.participant !== participant && it.publications?.camera,
    )
    if (other && other.participant !== looking) {
      looking = other.participant
      const view = { participant: looking, source: 'camera', width: 320, height: 180 }
      const subscribed = await call('room.subscribe', { participant, views: [view] })
      if (subscribed.offer) await accept(subscribed.offer)
    }
    const sent = { audio: 'packetsSent', video: 'framesEncoded' }
    const received = { audio: 'packetsReceived', video: 'framesDecoded' }
    await say({
      sent: await sum(sending, 'outbound-rtp', sent),
      received: await sum(receiving, 'inbound-rtp', received),
    })
  }
  for (;;) {
    const second = new Promise(resolve => setTimeout(resolve, 1_000))
    await tick()
    await second
  }
}
