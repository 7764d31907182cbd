"""A peer that wants to keep a scheduler busy: as many connections as it can open, each with something a stranger can send.

usage: flooder.py HOST PORT SECONDS SEED     SIGTERM ends it earlier

Three kinds in turn, all as fast as one process can: a connection that is closed at once, a HELLO that is no good, a HELLO that is no good
followed by frames with wrong MACs. At the end one JSON line on stdout, per second: connections
offered, established, answered, and refused at once; frames offered.
"""

import json
import random
import selectors
import signal
import socket
import struct
import sys
import time

IN_FLIGHT = 64
LIVE_SECONDS = 0.02  # one that is neither answered nor closed makes room for the next
HEADER = struct.Struct("<2sBBBBHIIQQ")
HELLO, DATA = 1, 3
FRAMES = (0, 1, 4)  # of each of payloads()


def frame(kind, body, draws, sequence=0):
    """Looks like a frame in all that a stranger can know; the MAC is noise."""
    header = HEADER.pack(b"St", 1, kind, 0, 4, 1, len(body), len(body), draws.randrange(1, 50), sequence)
    return header + body + draws.randbytes(32)


def payloads(draws):
    bad_hello = frame(HELLO, draws.randbytes(152), draws)
    bad_frames = b"".join(frame(DATA, draws.randbytes(1024), draws, sequence) for sequence in range(1, 4))
    return [b"", bad_hello, bad_hello + bad_frames]


class Flood:
    def __init__(self, host, port, draws):
        self.target, self.payloads = (host, port), payloads(draws)
        self.counts = dict.fromkeys(("offered", "established", "answered", "refused", "bytes", "frames"), 0)
        self.selector, self.open, self.is_over = selectors.DefaultSelector(), {}, False
        signal.signal(signal.SIGTERM, self.stop)

    def dial(self):
        kind = self.counts["offered"] % len(self.payloads)
        self.counts["offered"] += 1
        self.counts["frames"] += FRAMES[kind]
        side = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        side.setblocking(False)
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT: ports are scarce
        side.connect_ex(self.target)
        self.open[side] = time.monotonic() + LIVE_SECONDS
        self.selector.register(side, selectors.EVENT_WRITE, kind)

    def drop(self, side, outcome=None):
        if outcome:
            self.counts[outcome] += 1
        self.selector.unregister(side)
        del self.open[side]
        side.close()

    def on_writable(self, side, kind):
        if side.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return self.drop(side, "refused")
        self.counts["established"] += 1
        payload = self.payloads[kind]
        if not payload:
            return self.drop(side)
        try:
            self.counts["bytes"] += side.send(payload)
        except OSError:
            return self.drop(side, "refused")
        self.selector.modify(side, selectors.EVENT_READ, kind)

    def on_readable(self, side):
        try:
            answer = side.recv(4096)
        except OSError:
            answer = b""
        self.drop(side, "answered" if answer else "refused")

    def stop(self, *_):
        self.is_over = True

    def run(self, seconds):
        begun = time.monotonic()
        while not self.is_over and time.monotonic() < begun + seconds:
            while len(self.open) < IN_FLIGHT:
                self.dial()
            for key, _ in self.selector.select(timeout=0.05):
                if key.events & selectors.EVENT_WRITE:
                    self.on_writable(key.fileobj, key.data)
                else:
                    self.on_readable(key.fileobj)
            now = time.monotonic()
            for side in [side for side, until in self.open.items() if until < now]:
                self.drop(side)
        seconds = time.monotonic() - begun
        return {name: round(count / seconds, 1) for name, count in self.counts.items()}


if __name__ == "__main__":
    host, port, seconds, seed = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    print(json.dumps(Flood(host, port, random.Random(seed)).run(seconds)))
