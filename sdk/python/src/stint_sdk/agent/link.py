"""The connection to the scheduler: bytes between a socket and the agent, at a pace at which a frame's time still means something.

A frame is stamped when it is handed over, so no more is handed over than the kernel and the line take soon: QUEUED_MIN bytes, or what the
line delivers in a second.
Source: docs/protocol.md "Session time and the five-second rule".
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import select
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, cast

from stint_sdk.agent.address import Address
from stint_sdk.errors import StintError
from stint_sdk.protocol.clock import NS_PER_MS, Now, read_now
from stint_sdk.protocol.session import AgentSession

CONNECT_TIMEOUT_S = 10.0
CLOSE_PATIENCE_S = 2.0  # for what is queued to leave, once the session has ended
QUEUED_MIN = 16 * 1024
RETRY_S = 0.01  # while the kernel holds as much as it should
WATCH_NS = 500 * NS_PER_MS  # between looks whether the connection is empty
SIOCOUTQ = 0x5411
TCP_INFO_SIZE, DELIVERY_RATE_AT = 232, 160  # of Linux' struct tcp_info


class Peer(Protocol):
    """The agent, as its link sees it."""

    server: Address  # where it was found
    wants_second_line: bool

    def on_link_open(self, now: Now) -> AgentSession: ...
    def on_link_bytes(self, session: AgentSession, data: bytes, now: Now, empty_since_ns: int) -> None: ...
    def on_link_closed(self, session: AgentSession, now: Now) -> None: ...
    def on_timer(self, now: Now) -> None: ...
    def next_deadline_ns(self, now: Now) -> int: ...
    def next_delay_s(self) -> float: ...


# The seam for other transports: connects to an address and gives the protocol its bytes.
Dial: TypeAlias = Callable[[Address, Callable[[], asyncio.Protocol]], Awaitable[asyncio.Transport]]


def make_dial(make_context: Callable[[], ssl.SSLContext]) -> Dial:
    """TCP, with TLS in it where the address says so. A handshake that fails is an error like any other: not a byte was said."""

    async def dial(address: Address, make_protocol: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Errors: OSError."""
        loop = asyncio.get_running_loop()
        context, name = (make_context(), address.host) if address.is_tls else (None, None)
        transport, _ = await loop.create_connection(make_protocol, address.host, address.port, ssl=context, server_hostname=name)
        return transport

    return dial


class Connection(asyncio.Protocol):
    """One connection's bytes. `on_change` is called after each of them, and when it is over."""

    def __init__(self, peer: Peer, on_change: Callable[[], None]) -> None:
        self.closed: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()  # with what ended it
        self.transport: asyncio.Transport | None = None
        self.session: AgentSession | None = None
        self._peer, self._on_change = peer, on_change
        self._empty_since_ns = read_now().boot_ns
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=1, low=0)  # with 0 asyncio's TLS takes an empty buffer for a full one
        if (sock := self._socket()) is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = self._peer.on_link_open(read_now())
        self._on_change()

    def data_received(self, data: bytes) -> None:
        assert self.session is not None
        self._peer.on_link_bytes(self.session, data, read_now(), self._empty_since_ns)
        self.watch()
        self._on_change()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._on_change()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.session is not None:
            self._peer.on_link_closed(self.session, read_now())
        if not self.closed.done():
            self.closed.set_result(exc)

    def watch(self) -> None:
        """Nothing to read now: what comes later came later."""
        if self.transport is None or (sock := self._socket()) is None:
            return
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        if not poll.poll(0):
            self._empty_since_ns = read_now().boot_ns

    def flush(self) -> bool:
        """Hands over what there is room for. False: there is more, and no room."""
        session = self.session
        if session is None or self.transport is None or self.transport.is_closing():
            return True
        while session.has_output:
            allowance = 0 if self._is_paused else self._allowance()
            if allowance <= 0:
                return False
            self.transport.write(session.take_output(read_now(), allowance))
        if session.has_ended:
            self.transport.close()
            asyncio.get_running_loop().call_later(CLOSE_PATIENCE_S, self.transport.abort)  # TLS waits for the other's end
        return True

    def _allowance(self) -> int:
        sock = self._socket()
        if sock is None:
            return QUEUED_MIN
        queued, room = 0, QUEUED_MIN
        with contextlib.suppress(OSError):
            (queued,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), SIOCOUTQ, b"\0" * 4))
        with contextlib.suppress(OSError, AttributeError):
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
            if len(info) >= DELIVERY_RATE_AT + 8:
                room = max(room, struct.unpack_from("<Q", info, DELIVERY_RATE_AT)[0])
        return room - queued

    def _socket(self) -> Any:
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        return sock if sock is not None and sock.fileno() >= 0 else None


class Link:
    """Keeps the agent connected, and its timers running."""

    def __init__(self, peer: Peer, addresses: list[Address], log: Callable[[str], None], on_turn: Callable[[], None], dial: Dial) -> None:
        """on_turn: called after everything that may have changed what the peer is."""
        self._peer, self._addresses, self._log, self._on_turn, self._dial = peer, addresses, log, on_turn, dial
        self._connections: list[Connection] = []
        self._second: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    async def run(self) -> None:
        """Until it is cancelled, or close() was called."""
        tries = 0
        while not self._is_over:
            address = self._addresses[tries % len(self._addresses)]
            tries += 1
            await self._connect(address)
            while self._second is not None:  # the session may have moved there
                second, self._second = self._second, None
                await second
            if not self._is_over:
                await asyncio.sleep(self._peer.next_delay_s())

    def close(self) -> None:
        """When what is queued has left."""
        self._is_over = True
        self.refresh()

    def refresh(self) -> None:
        """After anything that the agent may have to say more about, or wait for otherwise."""
        self._on_turn()
        now = read_now()
        delay_s = max(0.0, min(self._peer.next_deadline_ns(now) - now.boot_ns, WATCH_NS) / 1e9)
        if not all([connection.flush() for connection in self._connections]):
            delay_s = min(delay_s, RETRY_S)
        if self._peer.wants_second_line and len(self._connections) == 1 and (self._second is None or self._second.done()):
            self._second = asyncio.ensure_future(self._connect(self._peer.server))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        now = read_now()
        for connection in self._connections:
            connection.watch()
        self._peer.on_timer(now)
        self.refresh()

    async def _connect(self, address: Address) -> None:
        connection = Connection(self._peer, self.refresh)
        try:
            await asyncio.wait_for(self._dial(address, lambda: connection), CONNECT_TIMEOUT_S)
        except (OSError, asyncio.TimeoutError, StintError) as error:  # or a file that TLS needs is gone
            self._log(f"cannot reach the scheduler at {address}: {str(error) or 'no answer'}")
            return
        self._peer.server = address
        self._connections.append(connection)
        self.refresh()
        try:
            if isinstance(error_of_tls := await connection.closed, ssl.SSLError):  # it may want a certificate of ours, and says so late
                self._log(f"TLS with the scheduler at {address}: {error_of_tls}")
        finally:
            self._connections.remove(connection)
            if connection.transport is not None:
                connection.transport.abort()
