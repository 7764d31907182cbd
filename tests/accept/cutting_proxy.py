"""A TCP proxy that counts the bytes of clients on their way to the server and cuts connections when a byte count is reached.

A cut is a reset on both sides, as of a cable pulled or a NAT that forgot: what was on its way is lost.
"""

import contextlib
import selectors
import socket
import struct
import threading

CHUNK = 64 << 10


class LoopbackProxy:
    """Listens on loopback for what is meant for `host` and `port`; `work()`, in one thread, is what it does with it."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.stopping = False
        self.thread = threading.Thread(target=self.work, daemon=True)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *problem):
        self.stopping = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


class CuttingProxy(LoopbackProxy):
    """`cuts` are positions in the stream of all clients' bytes, rising."""

    def __init__(self, host, port, cuts):
        super().__init__(host, port)
        self.cuts = list(cuts)
        self.upstream_bytes, self.cut_count, self.failed_dials = 0, 0, 0

    def work(self):
        while not self.stopping:
            for key, _ in self.selector.select(timeout=0.1):
                if key.data is None:
                    self.accept()
                elif key.fileobj.fileno() >= 0:  # not cut in this round
                    self.forward(key.fileobj, key.data)

    def accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            self.failed_dials += 1
            reset(client)
            return
        self.selector.register(client, selectors.EVENT_READ, (server, True))
        self.selector.register(server, selectors.EVENT_READ, (client, False))

    def forward(self, source, data):
        sink, is_upstream = data
        try:
            part = source.recv(self.room() if is_upstream else CHUNK)
            if part:
                sink.sendall(part)
        except OSError:
            part = b""
        if not part:
            return self.end(source, sink, is_cut=False)
        if is_upstream:
            self.upstream_bytes += len(part)
            if self.cuts and self.upstream_bytes >= self.cuts[0]:
                self.cuts.pop(0)
                self.cut_count += 1
                self.end(source, sink, is_cut=True)

    def room(self):
        """A cut comes at its very byte."""
        return CHUNK if not self.cuts else max(1, min(CHUNK, self.cuts[0] - self.upstream_bytes))

    def end(self, source, sink, is_cut):
        for side in (source, sink):
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(side)
            if is_cut:
                reset(side)
            else:
                side.close()


def reset(side):
    """Closes with RST: unread bytes and unsent ones are thrown away."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.close()
