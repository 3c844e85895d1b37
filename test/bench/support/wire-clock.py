"""When the first packet of each picture leaves, by the kernel's clock: what receives it may be busy, and late.

Watches what is sent on loopback, which takes root. On each line of standard input it prints, as JSON, by SSRC and RTP
timestamp, the epoch milliseconds of the first packet since the last line.
"""
import ctypes
import json
import select
import socket
import struct
import sys

SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
ALL_PROTOCOLS = 3
UDP = 17
# Smaller packets are sound, probes or signaling.
LEAST_BYTES = 500
HEAD_BYTES = 80
# Accept the head of what is outgoing (packet type 4), or nothing: each packet would be seen twice.
FILTER = [(0x20, 0, 0, 0xFFFFF004), (0x15, 0, 1, 4), (0x06, 0, 0, HEAD_BYTES), (0x06, 0, 0, 0)]


def open_wire():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in FILTER))
    wire.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HP', len(FILTER), ctypes.addressof(code)))
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    wire.bind(('lo', 0))
    return wire


def rtp_header(packet):
    """SSRC and timestamp of a large RTP packet."""
    version = packet[0] >> 4
    protocol, udp = (packet[9], 4 * (packet[0] & 15)) if version == 4 else (packet[6], 40)
    if protocol != UDP or len(packet) < udp + 20:
        return None
    (length,) = struct.unpack_from('!H', packet, udp + 4)
    first, second = packet[udp + 8], packet[udp + 9]
    if length < LEAST_BYTES or first >> 6 != 2 or 192 <= second <= 223:
        return None
    timestamp, ssrc = struct.unpack_from('!II', packet, udp + 12)
    return ssrc, timestamp


def note(wire, left):
    packet, ancillary, _, _ = wire.recvmsg(HEAD_BYTES, 64)
    header = rtp_header(packet)
    if header is None:
        return
    seconds, nanoseconds = struct.unpack('qq', ancillary[0][2])
    ssrc, timestamp = header
    left.setdefault(ssrc, {}).setdefault(timestamp, seconds * 1e3 + nanoseconds / 1e6)


def main():
    wire = open_wire()
    left = {}
    print('ready', flush=True)
    while True:
        for readable in select.select([wire, sys.stdin], [], [])[0]:
            if readable is wire:
                note(wire, left)
            elif not sys.stdin.readline():
                return
            else:
                print(json.dumps(left), flush=True)
                left = {}


main()
