"""An agent's session as a state machine without I/O: bytes, time and messages in; events and bytes out. One object for each connection.

    on_bytes / on_timer / on_closed   feed it
    take_events()                     what happened
    send(message)                     queues: Resume first, then whatever there is; what must wait for Reconcile or credit waits inside
    take_output(now, budget)          seals queued frames (time, sequence, MAC) when there is room: call it after every feed
    next_deadline_ns()                when on_timer is due

States: greeting (HELLO is on its way) → established (HELLO_ACK came; Resume leaves) → working (Reconcile came) → ended.
Everything refused is counted; what the peer did wrong without harm is answered with Error by the session itself.
Source: docs/protocol.md "Session".
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stint_sdk import wire
from stint_sdk.generated.wire_schema import CloseReason
from stint_sdk.protocol import decode, limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.protocol.clock import NS_PER_MS, Arrival, ClockEstimate, Now, time_error_ms
from stint_sdk.protocol.encode import Unsealed, encode_hello, encode_message
from stint_sdk.protocol.lease import Lease
from stint_sdk.protocol.outbox import AgentOutbox
from stint_sdk.wire import FrameKind, FrameRefused, RawFrame

NEVER = 2**63 - 1


@dataclass(frozen=True)
class Established:
    """HELLO_ACK was good: send Resume."""

    session: int
    heartbeat_ms: int


@dataclass(frozen=True)
class Received:
    message: m.Message


@dataclass(frozen=True)
class Ended:
    """Nothing follows; drop the connection once the output is written.

    code: a counter's name, or closed_by_peer, closed_by_us, disconnected.
    """

    reason: CloseReason
    code: str
    detail: str


Event: TypeAlias = Established | Received | Ended


@dataclass(frozen=True)
class Identity:
    """agent, key_epoch, key: from the key file. instance: 16 random bytes per state directory, boot: per start."""

    agent: int
    key_epoch: int
    key: bytes
    instance: bytes
    boot: bytes


@dataclass
class _Queued:
    kind: FrameKind
    buffer: Unsealed
    compress: bool = False


class AgentSession:
    """nonce: 32 fresh random bytes. connect: rises with every connection and is persisted before. counters: shared by sessions."""

    def __init__(
        self,
        identity: Identity,
        connect: int,
        nonce: bytes,
        now: Now,
        counters: Counter[str] | None = None,
        *,
        compress: bool = wire.CAN_COMPRESS,
        versions: tuple[int, int] = limits.VERSIONS,
    ) -> None:
        self.counters: Counter[str] = Counter() if counters is None else counters
        self.has_ended = False
        self.last_heard_ns: int | None = None
        self.running = 0  # shown in heartbeats
        self._identity, self._nonce, self._compress, self._versions = identity, nonce, compress, versions
        self._events: deque[Event] = deque()
        self._queue: deque[_Queued] = deque()
        self._queued_bytes = 0
        self._reader = wire.FrameReader()
        self._unfinished = Arrival(0, 0)  # of the frame that has begun and is not whole
        self._lease = Lease(limits.HANDSHAKE, now.boot_ns)
        self._clock = ClockEstimate()
        self._outbox = AgentOutbox()
        self._hello_frame = b""
        self._hello_sent_ns = 0
        self._keys: wire.DirectionKeys | None = None  # of the session
        self._session = 0
        self._in_sequence = self._out_sequence = 0
        self._out_limit = wire.BODY_BEFORE_HANDSHAKE
        self._tolerance_ms = limits.TOLERANCE_MS
        self._heartbeat_ns = 0
        self._next_heartbeat_ns = NEVER
        self._has_resumed = False
        self._is_reconciled = False
        hello = m.Hello(identity.agent, nonce, identity.instance, identity.boot, connect, max(0, now.boot_ns), *versions)
        self._push(_Queued(FrameKind.HELLO, encode_hello(hello)))

    # What the daemon asks.

    def take_events(self) -> Sequence[Event]:
        events, self._events = list(self._events), deque()
        return events

    @property
    def has_output(self) -> bool:
        return bool(self._queue)

    @property
    def log_credit(self) -> int:
        return 0 if self.has_ended else self._outbox.log_credit

    @property
    def report_credit(self) -> int:
        return 0 if self.has_ended else self._outbox.report_credit

    def next_deadline_ns(self) -> int:
        return NEVER if self.has_ended else min(self._lease.deadline, self._next_heartbeat_ns)

    # In.

    def on_bytes(self, data: bytes, now: Now, empty_since_ns: int) -> None:
        """empty_since_ns: when the connection was last found empty; the five-second rule judges a frame against [empty_since_ns, now]."""
        if self.has_ended or not data:
            return None
        arrival = Arrival(min(empty_since_ns, now.boot_ns), now.boot_ns)
        first = self._unfinished if self._reader.buffered else arrival  # only the first frame can have begun in an earlier read
        self._reader.feed(data)
        try:
            while not self.has_ended and (frame := self._reader.next()):
                self._on_frame(frame, first, now)
                first = arrival
        except FrameRefused as refused:
            return self._fail_frame(refused.code)
        if not self.has_ended and self._reader.buffered:
            self._unfinished = first
            self._lease.on_bytes_inside_frame()
        return None

    def on_timer(self, now: Now) -> None:
        if self.has_ended:
            return None
        if self._lease.is_over(now.boot_ns):
            if self._keys is None:
                return self._fail("handshake_timeout", "no handshake within 5 s")
            return self._fail("lease", "nothing heard for three heartbeats")
        if now.boot_ns >= self._next_heartbeat_ns:
            self._next_heartbeat_ns = now.boot_ns + self._heartbeat_ns
            self._enqueue(m.Heartbeat(running=self.running))
        return None

    def on_closed(self) -> None:
        self._clear_queue()
        self._end(CloseReason.NORMAL, "disconnected", "connection closed")

    def _on_frame(self, frame: RawFrame, first: Arrival, now: Now) -> None:
        if frame.header.kind == FrameKind.DATA:
            return self._on_data(frame, first, now)
        is_waiting = self._hello_frame != b""
        if is_waiting and frame.header.kind == FrameKind.HELLO_ACK:
            return self._on_hello_ack(frame, now)
        if is_waiting and frame.header.kind == FrameKind.REJECT:
            return self._on_reject(frame)
        raise FrameRefused("bad_kind")

    # Handshake.

    def _on_hello_ack(self, frame: RawFrame, now: Now) -> None:
        if frame.header.key_epoch != self._identity.key_epoch:
            raise FrameRefused("unknown_key")
        buffer = wire.open_frame(frame, wire.derive_hello_keys(self._identity.key).s2a, 0)
        try:
            envelope = decode.open_envelope(buffer)
            ack = decode.decode_hello_ack(envelope)
        except Refused as refused:
            self.counters[refused.code] += 1
            return self._fail("bad_hello", refused.detail)
        if ack.session != frame.header.principal:
            return self._fail("bad_hello", "the session of HELLO_ACK is not its header's")
        if ack.nonce_echo != self._nonce:
            return self._fail("bad_hello", "HELLO_ACK answers another HELLO")
        if not self._versions[0] <= ack.version <= self._versions[1]:
            return self._fail("unsupported_version", f"HELLO_ACK chose {limits.chosen_text(ack.version, self._versions)}")
        self._clock.add(self._hello_sent_ns, ack.received_ms, envelope.timestamp_ms, now.boot_ns)
        if not self._clock.is_known:
            return self._fail("bad_hello", "HELLO_ACK with times that cannot be")
        return self._establish(ack, frame, now)

    def _establish(self, ack: m.HelloAck, frame: RawFrame, now: Now) -> None:
        transcript = wire.handshake_transcript(self._hello_frame, frame.data)
        self._keys = wire.derive_session_keys(self._identity.key, self._nonce, ack.nonce, transcript)
        self._hello_frame = b""
        self._session = ack.session
        self._out_limit = ack.body_limit
        self._reader.set_limit(ack.body_limit)
        self._tolerance_ms = ack.tolerance_ms
        self._heartbeat_ns = ack.heartbeat_ms * NS_PER_MS
        self._outbox.grant(ack.log_credit, ack.report_credit)
        self._lease.renew(now.boot_ns, limits.LEASE_HEARTBEATS * self._heartbeat_ns)
        self._events.append(Established(ack.session, ack.heartbeat_ms))

    def _on_reject(self, frame: RawFrame) -> None:
        """Advice from anybody: nobody deletes anything because of it."""
        buffer = wire.open_reject(frame)
        try:
            reject = decode.decode_reject(decode.open_envelope(buffer))
        except Refused as refused:
            self.counters[refused.code] += 1
            return self._fail("bad_hello", refused.detail)
        self.counters["rejected"] += 1
        return self._end(CloseReason.NORMAL, "rejected", f"{reject.code}: {reject.detail}")

    # Messages in.

    def _on_data(self, frame: RawFrame, first: Arrival, now: Now) -> None:
        is_ours = frame.header.principal == self._session and frame.header.key_epoch == self._identity.key_epoch
        if self._keys is None or not is_ours:
            raise FrameRefused("unknown_key")
        buffer = wire.open_frame(frame, self._keys.s2a, self._in_sequence + 1)
        self._in_sequence += 1
        self.last_heard_ns = now.boot_ns
        self._lease.renew(now.boot_ns)
        try:
            envelope = decode.open_envelope(buffer)
            if not self._is_in_time(envelope.timestamp_ms, first):
                return None
            message = decode.decode_message(envelope)
        except Refused as refused:
            return self._fail("malformed", refused.detail) if refused.code == "malformed" else self._refuse(refused)
        return self._on_message(message, envelope.timestamp_ms, now)

    def _is_in_time(self, timestamp_ms: int, first: Arrival) -> bool:
        earliest, latest = (self._clock.session_time_ms(at) for at in first)
        error = time_error_ms(timestamp_ms, earliest, latest)
        if abs(error) <= self._tolerance_ms:
            return True
        self.counters["time"] += 1
        detail = f"timestamp off by {error} ms, limit {self._tolerance_ms} ms"
        self._end_with(m.Error("time", detail, error, self._tolerance_ms), CloseReason.TIME, "time", detail)
        return False

    def _on_message(self, message: m.Message, timestamp_ms: int, now: Now) -> None:
        if isinstance(message, m.HeartbeatAck):
            return self._clock.add(message.clock_boot_ns, message.received_ms, timestamp_ms, now.boot_ns)
        if isinstance(message, m.Heartbeat):
            # Before Resume nothing else may be sent: the Resume that follows is answer enough.
            if self._has_resumed:
                self._enqueue(m.HeartbeatAck(message.clock_boot_ns, self._clock.session_time_ms(now.boot_ns)))
            return None
        if isinstance(message, m.Reconcile):
            return self._on_reconcile(message)
        if isinstance(message, (m.AssignmentList, m.StatusAck, m.Cancel)):
            if not self._is_reconciled:
                return self._fail("out_of_order", "work before Reconcile")
            return self._events.append(Received(message))
        if isinstance(message, (m.Rekey, m.CellPins)):
            return self._events.append(Received(message))
        if isinstance(message, m.Credit):
            self._outbox.grant(message.log_chunks, message.reports)
            self._events.append(Received(message))
            return self._flush_work()
        if isinstance(message, m.Error):
            return self._on_error(message)
        if isinstance(message, m.Close):
            return self._end(message.reason, "closed_by_peer", message.detail)
        return self._refuse(Refused("wrong_direction", "a scheduler may not send this message"))

    def _on_reconcile(self, message: m.Reconcile) -> None:
        if not self._has_resumed or self._is_reconciled:
            return self._fail("out_of_order", "a second Reconcile" if self._is_reconciled else "Reconcile before Resume")
        self._is_reconciled = True
        self._events.append(Received(message))
        self._outbox.open()
        return self._flush_work()

    def _on_error(self, message: m.Error) -> None:
        """Never answered. The code `time` ends the session."""
        self._events.append(Received(message))
        if message.code == "time":
            self.counters["time"] += 1
            self._end(CloseReason.TIME, "time", message.detail)

    # Messages out.

    def send(self, message: m.Message) -> None:
        """After Established. Resume first, and once. Lost if the session has ended."""
        if self.has_ended:
            return None
        assert self._keys is not None, "send() before Established"
        if isinstance(message, m.Resume):
            assert not self._has_resumed, "a second Resume"
            self._has_resumed = True
            self._next_heartbeat_ns = (self.last_heard_ns or self._hello_sent_ns) + self._heartbeat_ns
            return self._enqueue(message)
        assert self._has_resumed, "the first message is Resume"
        if isinstance(message, m.UpdateList):
            self._outbox.add_updates(message.items)
            return self._flush_work()
        if isinstance(message, m.LogChunk):
            self._outbox.add_chunk(message)
            return self._flush_work()
        return self._enqueue(message)

    def close(self, reason: CloseReason, detail: str) -> None:
        if self.has_ended:
            return
        if self._keys is not None:
            self._enqueue(m.Close(reason, detail))
        self._end(reason, "closed_by_us", detail)

    def take_output(self, now: Now, budget: int) -> bytes:
        """Sealed frames, at least one if any is queued, then while their sum stays within `budget` bytes."""
        out = bytearray()
        while self._queue and (not out or len(out) + self._size_of(self._queue[0]) <= budget):
            item = self._queue.popleft()
            self._queued_bytes -= self._size_of(item)
            out += self._seal(item, now)
        return bytes(out)

    def _seal(self, item: _Queued, now: Now) -> bytes:
        epoch = self._identity.key_epoch
        if item.kind == FrameKind.HELLO:
            body = item.buffer.stamp(now.wall_ms, 0)
            key = wire.derive_hello_keys(self._identity.key).a2s
            self._hello_frame = wire.seal_frame(FrameKind.HELLO, epoch, self._identity.agent, 0, body, key)
            self._hello_sent_ns = now.boot_ns
            return self._hello_frame
        assert self._keys is not None
        self._out_sequence += 1
        body = item.buffer.stamp(self._clock.session_time_ms(now.boot_ns), now.boot_ns)
        return wire.seal_frame(FrameKind.DATA, epoch, self._session, self._out_sequence, body, self._keys.a2s, compress=item.compress)

    def _flush_work(self) -> None:
        """Queues what Reconcile and credit allow."""
        if updates := self._outbox.take_updates():
            self._enqueue(updates)
        while not self.has_ended and (chunk := self._outbox.take_chunk()):
            self._enqueue(chunk)
        self.counters["reports_dropped"] += self._outbox.dropped
        self._outbox.dropped = 0
        if not self.has_ended and self._queued_bytes + self._outbox.waiting_log_bytes > limits.OUTPUT_BYTES:
            self._overload(f"log chunks waiting for credit above {limits.OUTPUT_BYTES} bytes")

    def _enqueue(self, message: m.Message) -> None:
        # Logs and updates hold no keys, tokens or secrets of ours, whose length would tell of them; everything else is small.
        compress = self._compress and isinstance(message, (m.LogChunk, m.UpdateList))
        try:
            parts = encode_message(message)
        except Refused as refused:
            return self._fail(refused.code, refused.detail)
        for part in parts:
            if len(part.body) > self._out_limit:
                return self._fail("unsendable", f"message of {len(part.body)} bytes, limit {self._out_limit}")
            self._push(_Queued(FrameKind.DATA, part, compress))
        if self._queued_bytes > limits.OUTPUT_BYTES and not self.has_ended:
            self._overload(f"output queue above {limits.OUTPUT_BYTES} bytes")
        return None

    def _push(self, item: _Queued) -> None:
        self._queue.append(item)
        self._queued_bytes += self._size_of(item)

    def _size_of(self, item: _Queued) -> int:
        return len(item.buffer.body) + wire.FRAME_OVERHEAD

    def _clear_queue(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    # The end.

    def _fail_frame(self, code: str) -> None:
        self.counters[code] += 1
        told = "unauthenticated" if code in ("unknown_key", "bad_mac") else code  # nobody finds keys with our help
        self._end_with(m.Close(CloseReason.PROTOCOL, f"{told}: frame refused"), CloseReason.PROTOCOL, code, "frame refused")

    def _fail(self, code: str, detail: str) -> None:
        self.counters[code] += 1
        self._end_with(m.Close(CloseReason.PROTOCOL, f"{code}: {detail}"), CloseReason.PROTOCOL, code, detail)

    def _overload(self, detail: str) -> None:
        self.counters["overloaded"] += 1
        self._end_with(m.Close(CloseReason.OVERLOADED, detail), CloseReason.OVERLOADED, "overloaded", detail)

    def _refuse(self, refused: Refused) -> None:
        """Without harm: counted, and answered."""
        self.counters[refused.code] += 1
        self._enqueue(m.Error(refused.code, refused.detail))

    def _end(self, reason: CloseReason, code: str, detail: str) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._events.append(Ended(reason, code, detail))

    def _end_with(self, last: m.Message, reason: CloseReason, code: str, detail: str) -> None:
        """Throws away what is queued, whose frames have no sequence yet, and sends `last` if there is a key for it."""
        if self.has_ended:
            return
        self._clear_queue()
        self._end(reason, code, detail)
        if self._keys is not None:
            self._enqueue(last)
