"""A TCP proxy that lets every connection live for so many bytes or so long, then resets it: the links of agents on a bad day.

The bytes of both directions count, so a connection may end in the middle of a frame, in its handshake, or between a message and its
acknowledgement. Some ends are silent instead: nothing passes any more, nobody is told, until the silence is over and the reset comes.
"""

import contextlib
import dataclasses
import selectors
import socket
import time

from cutting_proxy import CHUNK, LoopbackProxy, reset

LIVE_BYTES = (64, 12_000)
LIVE_SECONDS = (0.05, 1.5)
SILENT_PART = 0.1  # of all ends
SILENT_SECONDS = (0.5, 3.0)


@dataclasses.dataclass
class Pair:
    client: socket.socket
    server: socket.socket
    bytes_left: int
    ends_at: float
    silent_until: float = 0.0

    def other(self, side):
        return self.server if side is self.client else self.client


class LinkCutter(LoopbackProxy):
    """`cuts` connections are cut, the later ones live."""

    def __init__(self, host, port, cuts, random):
        super().__init__(host, port)
        self.cuts, self.random = cuts, random
        self.cut_count, self.silent_count, self.mid_stream_count = 0, 0, 0
        self.pairs = []

    def work(self):
        while not self.stopping:
            for key, _ in self.selector.select(timeout=0.01):
                if key.data is None:
                    self.accept()
                elif key.fileobj.fileno() >= 0:
                    self.forward(key.fileobj, key.data)
            now = time.monotonic()
            for pair in [pair for pair in self.pairs if pair.ends_at <= now]:
                self.cut(pair, now)

    def accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            reset(client)
            return
        low, high = LIVE_BYTES
        budget = int(low * (high / low) ** self.random.random())  # as many short lives as long ones
        is_doomed = self.cut_count + len(self.pairs) < self.cuts
        ends_at = time.monotonic() + self.random.uniform(*LIVE_SECONDS) if is_doomed else float("inf")
        pair = Pair(client, server, budget if is_doomed else 1 << 60, ends_at)
        self.pairs.append(pair)
        for side in (client, server):
            self.selector.register(side, selectors.EVENT_READ, pair)

    def forward(self, source, pair):
        try:
            part = source.recv(max(1, min(CHUNK, pair.bytes_left)))
            if part and not pair.silent_until:
                pair.other(source).sendall(part)
        except OSError:
            part = b""
        if not part:
            return self.drop(pair, is_cut=False)
        pair.bytes_left -= len(part)
        if pair.bytes_left <= 0 and not pair.silent_until:
            self.mid_stream_count += 1
            self.cut(pair, time.monotonic())

    def cut(self, pair, now):
        """The end, or a silence before it."""
        if not pair.silent_until and self.random.random() < SILENT_PART:
            pair.silent_until = pair.ends_at = now + self.random.uniform(*SILENT_SECONDS)
            self.silent_count += 1
            return
        self.cut_count += 1
        self.drop(pair, is_cut=True)

    def drop(self, pair, is_cut):
        self.pairs.remove(pair)
        for side in (pair.client, pair.server):
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(side)
            if is_cut:
                reset(side)
            else:
                side.close()
