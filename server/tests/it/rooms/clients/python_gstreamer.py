"""Somebody in a room with GStreamer's `webrtcbin`: pipelines, of which most devices are made.

Sends a voice and a face, looks at the face of the first other one, and says every second how much
it has sent and received: packets of sound, and pictures that were decoded.
"""

import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")

from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

URL, TOKEN, ROOM = sys.argv[1:]
# Their streams are named, for the offer that is made before they flow.
SENDING = """
    audiotestsrc is-live=true wave=square ! audio/x-raw,rate=48000,channels=2
    ! opusenc ! rtpopuspay name=audio
    ! application/x-rtp,media=audio,encoding-name=OPUS,encoding-params=(string)2,payload=111,
      ssrc=(uint)1
    ! queue ! webrtc.
    videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1
    ! vp8enc name=video deadline=1 target-bitrate=200000 ! rtpvp8pay
    ! application/x-rtp,media=video,encoding-name=VP8,payload=96,ssrc=(uint)2
    ! queue ! webrtc.
"""
DECODERS = {
    "audio": "rtpopusdepay ! opusdec ! fakesink name=end sync=false",
    "video": "rtpvp8depay request-keyframe=true ! vp8dec ! fakesink name=end sync=false",
}


class Certificate:
    """Of ECDSA, as everybody in WebRTC must have (RFC 8827 6.5), and the server takes nothing
    else. By itself `webrtcbin` makes one of RSA."""

    MAKE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"

    def __init__(self):
        make = [*self.MAKE.split(), *"-subj /CN=gstreamer -keyout - -out -".split()]
        self.pem = subprocess.run(make, check=True, capture_output=True, text=True).stdout
        certificate = ssl.PEM_cert_to_DER_cert(self.pem[self.pem.index("-----BEGIN CERT") :])
        self.fingerprint = hashlib.sha256(certificate).digest().hex(":").upper()


CERTIFICATE = Certificate()


def call(op, **args):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    body = json.dumps(args).encode()
    request = urllib.request.Request(f"{URL}/v1/rpc/{op}", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise RuntimeError(f"{op}: {refused.read().decode()}") from refused


class Counted:
    """Counts what leaves the elements whose pads it is shown."""

    def __init__(self):
        self.audio = self.video = 0

    def show(self, pad, kind):
        def count(_pad, _info):
            setattr(self, kind, getattr(self, kind) + 1)
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, count)


class Connection:
    """A pipeline around one `webrtcbin`."""

    def __init__(self, pipeline=""):
        webrtc = "webrtcbin name=webrtc bundle-policy=max-bundle"
        self.pipeline = Gst.parse_launch(f"pipeline.( {webrtc} {pipeline} )")
        self.pipeline.connect("deep-element-added", self.certify)
        self.webrtc = self.pipeline.get_by_name("webrtc")
        # The element forgot to take hold of it: it is gone with what Python has of it.
        self.ice = self.webrtc.get_property("ice-agent")
        # Else it has all addresses of the machine but this one.
        self.ice.emit("add-local-ip-address", "127.0.0.1")

    def certify(self, _pipeline, _bin, element):
        if element.__gtype__.name == "GstDtlsSrtpDec":
            element.set_property("pem", CERTIFICATE.pem)

    def start(self):
        self.pipeline.set_state(Gst.State.PLAYING)

    def ask(self, action, argument):
        promise = Gst.Promise.new()
        self.webrtc.emit(action, argument, promise)
        promise.wait()
        reply = promise.get_reply()
        if reply is not None and reply.has_field("error"):
            raise RuntimeError(f"{action}: {reply.to_string()}")
        return reply

    def create(self, kind):
        """Makes an offer or an answer, and takes it for its own."""
        # What is in it goes with it.
        reply = self.ask(f"create-{kind}", None)
        description = reply.get_value(kind)
        self.ask("set-local-description", description)
        # It takes the private key for a part of the certificate.
        return re.sub(
            r"(?<=a=fingerprint:sha-256 )\S+", CERTIFICATE.fingerprint, description.sdp.as_text()
        )

    def remote(self, kind, sdp):
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        described = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self.ask("set-remote-description", described)

    def fails(self, timeout):
        """Waits for a while; what goes wrong meanwhile ends the program."""
        wrong = self.pipeline.get_bus().timed_pop_filtered(timeout, Gst.MessageType.ERROR)
        if wrong:
            raise RuntimeError(wrong.parse_error())


def receive(participant, received):
    """The connection for what others send, which the server offers."""
    connection = Connection()

    def decode(_webrtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decoder = Gst.parse_bin_from_description(DECODERS[kind], True)
        received.show(decoder.get_by_name("end").get_static_pad("sink"), kind)
        connection.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    connection.webrtc.connect("pad-added", decode)
    connection.start()

    def accept(offer):
        connection.remote(GstWebRTC.WebRTCSDPType.OFFER, offer)
        call("room.answer", participant=participant, sdp=connection.create("answer"))

    return connection, accept


def send(participant, sent):
    """The connection for what this one sends."""
    connection = Connection(SENDING)
    for kind in ("audio", "video"):
        sent.show(connection.pipeline.get_by_name(kind).get_static_pad("src"), kind)
    sources = ("microphone", "camera")
    for i in range(len(sources)):
        section = connection.webrtc.emit("get-transceiver", i)
        section.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    connection.start()
    offer = connection.create("offer")
    _, message = GstSdp.SDPMessage.new_from_text(offer)
    mids = [message.get_media(i).get_attribute_val("mid") for i in range(len(sources))]
    sends = [{"mid": mid, "source": source} for mid, source in zip(mids, sources)]
    offered = call("room.offer", participant=participant, sdp=offer, sends=sends)
    connection.remote(GstWebRTC.WebRTCSDPType.ANSWER, offered["sdp"])
    for source in sources:
        call("room.publish", participant=participant, source=source, publication={"muted": False})
    return connection


def main():
    Gst.init(None)
    joined = call("room.join", room=ROOM)
    me = joined["participant"]
    sent, received = Counted(), Counted()
    receiving, accept = receive(me, received)
    accept(joined["offer"])
    sending = send(me, sent)
    looking = None
    while True:
        due = time.monotonic_ns() + Gst.SECOND
        room = call("room.get", room=ROOM)
        others = (it for it in room["participants"] if it["participant"] != me)
        other = next((it for it in others if "camera" in it.get("publications", {})), None)
        if other and other["participant"] != looking:
            looking = other["participant"]
            view = {"participant": looking, "source": "camera", "width": 320, "height": 180}
            subscribed = call("room.subscribe", participant=me, views=[view])
            if "offer" in subscribed:
                accept(subscribed["offer"])
        print(json.dumps({"sent": vars(sent), "received": vars(received)}), flush=True)
        sending.fails(0)
        receiving.fails(max(0, due - time.monotonic_ns()))


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
try:
    main()
except Exception:
    traceback.print_exc()
    # At once: pipelines that run do not go with the exception.
    os._exit(1)
