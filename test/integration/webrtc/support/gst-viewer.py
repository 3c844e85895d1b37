"""A viewer made of GStreamer's webrtcbin: libnice, OpenSSL and libsrtp instead of a browser's stack.

One JSON object a line. Out: {"offer": sdp}, {"candidate": line}, {"state": ICE state}, {"packets": count}.
In: {"answer": sdp}, {"candidate": line}. Ends with its input.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CAPS = (
    "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-nack-pli=true"
)


def say(**message):
    print(json.dumps(message), flush=True)


class Viewer:
    def __init__(self):
        self.packets = 0
        self.pipeline = Gst.Pipeline.new("viewer")
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
        self.webrtc.set_property("bundle-policy", "max-bundle")
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("on-negotiation-needed", lambda _: self.offer())
        self.webrtc.connect("on-ice-candidate", lambda _, index, line: say(candidate=line))
        self.webrtc.connect("notify::ice-connection-state", self.state_changed)
        self.webrtc.connect("pad-added", self.pad_added)
        recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self.webrtc.emit("add-transceiver", recvonly, Gst.Caps.from_string(CAPS))
        self.pipeline.set_state(Gst.State.PLAYING)

    def offer(self):
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offer_created))

    def offer_created(self, promise):
        # The description belongs to the reply: as long as one is used, the other must be held.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        say(offer=offer.sdp.as_text())
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def state_changed(self, webrtc, _):
        say(state=webrtc.get_property("ice-connection-state").value_nick)

    def pad_added(self, _, pad):
        """Packets that libsrtp has proven and decrypted, in their order."""
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("signal-handoffs", True)
        sink.set_property("sync", False)
        sink.connect("handoff", self.packet_came)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def packet_came(self, *_):
        self.packets += 1
        say(packets=self.packets)

    def receive(self, message):
        if "answer" in message:
            _, sdp = GstSdp.SDPMessage.new_from_text(message["answer"])
            kind = GstWebRTC.WebRTCSDPType.ANSWER
            answer = GstWebRTC.WebRTCSessionDescription.new(kind, sdp)
            self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        if "candidate" in message:
            self.webrtc.emit("add-ice-candidate", 0, message["candidate"])


def main():
    Gst.init(None)
    loop = GLib.MainLoop()
    viewer = Viewer()

    def read():
        for line in sys.stdin:
            GLib.idle_add(viewer.receive, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=read, daemon=True).start()
    loop.run()
    viewer.pipeline.set_state(Gst.State.NULL)


main()
