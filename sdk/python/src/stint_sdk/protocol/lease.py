"""How long a peer may be silent. Source: docs/protocol.md "Leases and heartbeats"."""

from __future__ import annotations

from stint_sdk.protocol import limits


class Lease:
    """How long the peer may be silent. Bytes inside an unfinished frame stand in for a frame at most twice in a row."""

    def __init__(self, length_ns: int, now_ns: int) -> None:
        self.renew(now_ns, length_ns)

    def renew(self, now_ns: int, length_ns: int | None = None) -> None:
        self._length = self._length if length_ns is None else length_ns
        self.deadline = now_ns + self._length
        self._extensions = 0
        self._has_bytes = False

    def on_bytes_inside_frame(self) -> None:
        self._has_bytes = True

    def is_over(self, now_ns: int) -> bool:
        if now_ns < self.deadline:
            return False
        if not self._has_bytes or self._extensions == limits.LEASE_EXTENSIONS:
            return True
        self._extensions += 1
        self._has_bytes = False
        self.deadline = now_ns + self._length
        return False

    _length = 0
