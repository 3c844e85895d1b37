"""
A viewer by GStreamer's webrtcbin (libnice, OpenSSL, libsrtp): shares no code with the agent or a browser.
Reads JSON lines from stdin and writes JSON lines to stdout: {"offer"}, then {"answer"} in, {"candidate"} both ways,
and at last {"video", "audio", "width", "height"}: frames decoded in the given time.
  python3 gst-viewer.py SECONDS
"""
import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
SECONDS = float(sys.argv[1])
H264 = "application/x-rtp,media=video,encoding-name=H264,payload=97,clock-rate=90000"
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
RECVONLY = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY

frames = {"video": 0, "audio": 0}
size = {}
loop = GLib.MainLoop()
pipeline = Gst.Pipeline.new(None)
webrtc = Gst.ElementFactory.make("webrtcbin")
webrtc.set_property("bundle-policy", "max-bundle")
pipeline.add(webrtc)


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def count(kind):
    def handoff(_sink, _buffer, pad):
        frames[kind] += 1
        if kind == "video" and not size:
            caps = pad.get_current_caps().get_structure(0)
            size.update(width=caps.get_value("width"), height=caps.get_value("height"))
        if kind == "video" and frames[kind] == 1:
            GLib.timeout_add(int(SECONDS * 1000), finish)

    return handoff


def finish():
    say({**frames, **size})
    loop.quit()
    return False


def on_decoded(_decodebin, pad):
    kind = "video" if pad.get_current_caps().get_structure(0).get_name().startswith("video") else "audio"
    sink = Gst.ElementFactory.make("fakesink")
    sink.set_property("signal-handoffs", True)
    sink.connect("handoff", count(kind))
    pipeline.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.get_static_pad("sink"))


def on_track(_webrtc, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    decodebin = Gst.ElementFactory.make("decodebin")
    decodebin.connect("pad-added", on_decoded)
    pipeline.add(decodebin)
    decodebin.sync_state_with_parent()
    pad.link(decodebin.get_static_pad("sink"))


def on_offer(promise, _webrtc, _data):
    promise.wait()
    # The offer lives in the reply.
    reply = promise.get_reply()
    offer = reply.get_value("offer")
    webrtc.emit("set-local-description", offer, Gst.Promise.new())
    say({"offer": offer.sdp.as_text()})


def take(message):
    if "answer" in message:
        _, sdp = GstSdp.SDPMessage.new_from_text(message["answer"])
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        webrtc.emit("set-remote-description", answer, Gst.Promise.new())
    elif "candidate" in message:
        webrtc.emit("add-ice-candidate", message.get("index", 0), message["candidate"])
    return False


def read_stdin():
    for line in sys.stdin:
        GLib.idle_add(take, json.loads(line))
    GLib.idle_add(loop.quit)


webrtc.connect("pad-added", on_track)
webrtc.connect(
    "on-ice-candidate", lambda _webrtc, index, candidate: say({"candidate": candidate, "index": index})
)
for caps in (H264, OPUS):
    webrtc.emit("add-transceiver", RECVONLY, Gst.Caps.from_string(caps))
pipeline.set_state(Gst.State.PLAYING)
webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer, webrtc, None))
threading.Thread(target=read_stdin, daemon=True).start()
loop.run()
pipeline.set_state(Gst.State.NULL)
