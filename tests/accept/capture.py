"""A packet capture of one machine's network: every frame that its device sends and receives, and what each TCP direction said, in order."""

import base64
import collections
import os
import select
import socket
import struct
import threading

import bad_line

ETH_P_ALL = 3
SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS = 33, 263, 6
FRAME_MAX = 1 << 18
PIECE = 8  # bytes of a secret that are as telling as all of it


class Capture:
    """`with Capture(net, "edge", 7464) as capture`: all that `net0` of that machine carries. Streams are those of TCP port 7464."""

    def __init__(self, net, name, port):
        self.port, self.frames = port, []
        with net.inside(name):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind(("net0", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.stop_reader, self.stop_writer = os.pipe2(os.O_CLOEXEC)
        self.thread = threading.Thread(target=self.listen, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *problem):
        os.write(self.stop_writer, b".")
        self.thread.join()
        self.socket.close()
        for descriptor in (self.stop_reader, self.stop_writer):
            os.close(descriptor)

    def listen(self):
        while True:
            ready, _, _ = select.select((self.socket, self.stop_reader), (), ())
            if self.socket in ready:
                self.frames.append(self.socket.recv(FRAME_MAX))
            elif ready:
                return

    def streams(self):
        """What each direction of each connection said, in order; a gap (a lost packet of the capture itself) is an error."""
        pieces, first = collections.defaultdict(dict), {}
        for frame in self.frames:
            segment = bad_line.parse(frame, True)
            if segment is None or self.port not in (segment.flow[0][1], segment.flow[1][1]):
                continue
            begin = (segment.sequence + bool(segment.flags & bad_line.SYN)) % (1 << 32)
            at = (begin - first.setdefault(segment.flow, begin)) % (1 << 32)
            if segment.payload:  # an acknowledgement behind FIN is one further on
                pieces[segment.flow][at] = max(pieces[segment.flow].get(at, b""), segment.payload, key=len)
        return {flow: join(found) for flow, found in pieces.items()}

    def dropped(self):
        """Packets that the kernel had no room for since the capture began."""
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack("=II", statistics)[1]


def join(pieces):
    text = bytearray()
    for at in sorted(pieces):
        if at > len(text):
            raise ValueError(f"the capture misses {at - len(text)} bytes of a connection")
        text += pieces[at][len(text) - at :]
    return bytes(text)


def forms(secret):
    """A secret, and each telling piece of it, as it may be written: raw, hexadecimal, base32, base64 (both alphabets, each alignment)."""
    found = set()
    for begin in range(0, len(secret) - PIECE + 1, PIECE):
        piece = secret[begin : begin + PIECE]
        found |= {piece, piece[::-1], piece.hex().encode(), piece.hex().upper().encode()}
    for encode, group, bits in ((base64.b64encode, 3, 6), (base64.urlsafe_b64encode, 3, 6), (base64.b32encode, 5, 5)):
        for shift in range(group):
            text = encode(bytes(shift) + secret)
            first = -(-8 * shift // bits)  # the first character that is all of the secret
            whole = 8 * (shift + len(secret)) // bits
            size = 8 * PIECE // bits
            found |= {text[at : at + size] for at in range(first, whole - size + 1, size)}
            found |= {text[at : at + size].lower() for at in range(first, whole - size + 1, size) if encode is base64.b32encode}
    return found


def find_secrets(secrets, haystacks):
    """Names of those whose telling pieces are in one of the haystacks, in whatever form."""
    return sorted(name for name, secret in secrets.items() if any(form in text for form in forms(secret) for text in haystacks))
