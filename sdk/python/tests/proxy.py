"""A proxy that cuts connections, to see what an interrupted transfer costs."""

from __future__ import annotations

import contextlib
import socket
import threading


class CuttingProxy:
    """Passes bytes on, and cuts each of the first `cuts` connections after `cut_after` bytes towards the server."""

    def __init__(self, host: str, port: int, *, cut_after: int, cuts: int) -> None:
        self.target, self.cut_after, self.cuts = (host, port), cut_after, cuts
        self.sent, self.cuts_made = 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self.target)
        threading.Thread(target=self.copy, args=(server, client), daemon=True).start()
        passed = 0
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                server.sendall(piece)
                passed += len(piece)
                self.sent += len(piece)
                if passed >= self.cut_after and self.cuts_made < self.cuts:
                    self.cuts_made += 1
                    break
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listener.close()


class LosingProxy(CuttingProxy):
    """The first `losses` connections hear nothing: what the server says to them is lost, and then they end."""

    def __init__(self, host: str, port: int, *, losses: int) -> None:
        self.losses, self.lost = losses, b""
        super().__init__(host, port, cut_after=1 << 62, cuts=0)

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        if self.losses == 0:
            return super().copy(source, target)
        self.losses -= 1
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self.lost += piece
            target.shutdown(socket.SHUT_RDWR)
        return None
