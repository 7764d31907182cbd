"""A TCP relay that writes down every byte of both directions, and can lose answers."""

import contextlib
import socket
import threading


class Relay:
    """Listens on loopback. The first `lost` connections are cut when the server's first byte would go back: the answer is lost."""

    def __init__(self, host, port, lost=0):
        self.target, self.lost = (host, port), lost
        self.seen, self.connections, self.lost_answers = bytearray(), 0, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.accept, daemon=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *problem):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                loses = self.connections <= self.lost
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self.carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(server, client, loses), daemon=True).start()

    def carry(self, source, sink, loses):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                with self.lock:
                    self.seen += part
                    self.lost_answers += loses
                if loses:
                    break
                sink.sendall(part)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
