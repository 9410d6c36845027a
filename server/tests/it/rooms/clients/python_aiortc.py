"""Somebody in a room with `aiortc`: no simulcast, no bandwidth estimate, software codecs.

Sends a voice and a face, looks at the face of the first other one, and says every second how much
it has sent and received: packets of sound, and pictures that were decoded.
"""

import asyncio
import fractions
import json
import os
import re
import sys
import threading
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame

URL, TOKEN, ROOM = sys.argv[1:]
received = {"audio": 0, "video": 0}


class Tone(AudioStreamTrack):
    """A square wave: loud, and easy to make."""

    async def recv(self):
        silent = await super().recv()
        frame = AudioFrame(format="s16", layout="mono", samples=silent.samples)
        wave = b"\x00\x20" * 10 + b"\x00\xe0" * 10
        frame.planes[0].update(wave * (silent.samples // 20))
        frame.pts, frame.sample_rate, frame.time_base = (
            silent.pts,
            silent.sample_rate,
            silent.time_base,
        )
        return frame


class Picture(VideoStreamTrack):
    """A picture of one shade, another one each time."""

    shade = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        self.shade = (self.shade + 8) % 256
        frame = VideoFrame(320, 180, "yuv420p")
        for plane, value in zip(frame.planes, (self.shade, 128, 128)):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, fractions.Fraction(time_base)
        return frame


class Counted:
    """Counts what is taken from a track, as its sender sends it."""

    def __init__(self, track):
        self.count, self.recv_before = 0, track.recv

        async def recv():
            frame = await self.recv_before()
            self.count += 1
            return frame

        track.recv = recv


def post(op, args):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    body = json.dumps(args).encode()
    request = urllib.request.Request(f"{URL}/v1/rpc/{op}", body, headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def call(op, **args):
    return await asyncio.to_thread(post, op, args)


async def consume(track):
    try:
        while True:
            await track.recv()
            received[track.kind] += 1
    except MediaStreamError:
        pass


async def main():
    joined = await call("room.join", room=ROOM)
    me = joined["participant"]
    receiving, tasks = RTCPeerConnection(), []
    receiving.on("track", lambda track: tasks.append(asyncio.ensure_future(consume(track))))

    async def accept(sdp):
        await receiving.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        # It reads those of the last section of a bundle only, and they stand in the first one.
        mid = re.search(r"^a=mid:(.*?)\r?$", sdp, re.M)[1]
        for line in re.findall(r"^a=candidate:(.*? udp .*?)\r?$", sdp, re.M):
            candidate = candidate_from_sdp(line)
            candidate.sdpMid = mid
            await receiving.addIceCandidate(candidate)
        await receiving.setLocalDescription(await receiving.createAnswer())
        await call("room.answer", participant=me, sdp=receiving.localDescription.sdp)

    await accept(joined["offer"])

    sending, tone, picture = RTCPeerConnection(), Tone(), Picture()
    counted = {"audio": Counted(tone), "video": Counted(picture)}
    sections = {
        source: sending.addTransceiver(track, direction="sendonly")
        for source, track in (("microphone", tone), ("camera", picture))
    }
    await sending.setLocalDescription(await sending.createOffer())
    sends = [{"mid": section.mid, "source": source} for source, section in sections.items()]
    offered = await call(
        "room.offer", participant=me, sdp=sending.localDescription.sdp, sends=sends
    )
    await sending.setRemoteDescription(RTCSessionDescription(offered["sdp"], "answer"))
    for source in sections:
        await call("room.publish", participant=me, source=source, publication={"muted": False})

    looking = None
    while True:
        second = asyncio.create_task(asyncio.sleep(1))
        room = await call("room.get", room=ROOM)
        others = (it for it in room["participants"] if it["participant"] != me)
        other = next((it for it in others if "camera" in it.get("publications", {})), None)
        if other and other["participant"] != looking:
            looking = other["participant"]
            view = {"participant": looking, "source": "camera", "width": 320, "height": 180}
            subscribed = await call("room.subscribe", participant=me, views=[view])
            if "offer" in subscribed:
                await accept(subscribed["offer"])
        sent = {kind: it.count for kind, it in counted.items()}
        print(json.dumps({"sent": sent, "received": received}), flush=True)
        await second


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
asyncio.run(main())
