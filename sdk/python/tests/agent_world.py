"""An agent without processes and sockets, and the scheduler's end of its session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stint_sdk import wire
from stint_sdk.agent.daemon import Agent
from stint_sdk.agent.held_keys import HeldKey, HeldKeys
from stint_sdk.generated.wire_schema import TaskStatus
from stint_sdk.protocol import decode
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.clock import NS_PER_MS, Now
from stint_sdk.protocol.encode import encode_hello_ack, encode_message
from stint_sdk.wire import FrameKind, FrameReader

KEY = bytes([7]) * 32
SECOND = 1_000_000_000
GOOD = {"status": "exit", "exit_code": 0, "detail": ""}


def ref(index: int = 0, attempt: int = 1) -> m.AttemptRef:
    return m.AttemptRef(5, 0, index, attempt)


class FakeRunners:
    functions: dict[str, str | None] = {"f": None, "g": "trainer"}
    gpus_each = 0

    def __init__(self) -> None:
        self.idle = 10
        self.started: dict[m.AttemptRef, dict[str, Any]] = {}
        self.signals: list[tuple[m.AttemptRef, int]] = []

    def find_idle(self, function: str) -> object:
        return object() if self.idle > 0 else None

    def run(self, worker: object, ref: m.AttemptRef, order: dict[str, Any]) -> None:
        self.idle -= 1
        self.started[ref] = order

    def signal(self, ref: m.AttemptRef, number: int) -> None:
        self.signals.append((ref, number))


class World:
    """An agent on its state directory, and the scheduler's end of its session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time_ns = 1000 * SECOND
        self.logged: list[str] = []
        self.written: list[Sequence[HeldKey]] = []
        self.epoch = 1
        self.boot()

    @property
    def now(self) -> Now:
        return Now(self.time_ns, 1_793_000_000_000 + self.time_ns // NS_PER_MS)

    def boot(self, info: m.AgentInfo | None = None) -> None:
        self.runners = FakeRunners()
        keys = HeldKeys([HeldKey(1, KEY)], self.written.append)
        self.agent = Agent(info or m.AgentInfo("box", drivers=("python",), window=4), 7, keys, self.folder, self.logged.append)
        self.agent.runners = self.runners
        self.agent.recover(self.now)

    def crash(self) -> None:
        """All that is not on disk is gone."""
        self.agent._journal.close()
        self.boot()

    def connect(
        self, *verdicts: m.AttemptVerdict, log_credit: int = 100, reconcile: bool = True, key: bytes = KEY, epoch: int = 1, version: int = 1
    ) -> m.Resume:
        self.epoch = epoch
        self.reader = FrameReader()
        self.sent = self.heard = 0
        self.session = self.agent.on_link_open(self.now)
        hello_frame = self.session.take_output(self.now, 1 << 20)
        self.reader.feed(hello_frame)
        frame = self.reader.next()
        assert frame is not None
        self.hello = decode.decode_hello(decode.open_envelope(wire.open_frame(frame, wire.derive_hello_keys(key).a2s, 0)))
        time_ms = self.time_ns // NS_PER_MS
        ack = m.HelloAck(9, bytes(32), self.hello.nonce, time_ms, version, 0, 2**21, 30_000, 5_000, log_credit, 100)
        ack_frame = wire.seal_frame(
            FrameKind.HELLO_ACK, epoch, 9, 0, encode_hello_ack(ack).stamp(time_ms, 0), wire.derive_hello_keys(key).s2a
        )
        self.keys = wire.derive_session_keys(key, self.hello.nonce, ack.nonce, wire.handshake_transcript(hello_frame, ack_frame))
        self.reader.set_limit(2**21)
        self.feed(ack_frame)
        [resume] = self.said()
        assert isinstance(resume, m.Resume)
        if reconcile:
            self.say(m.Reconcile(verdicts or tuple(m.AttemptVerdict(held.ref) for held in resume.held)))
        return resume

    def feed(self, data: bytes) -> None:
        self.agent.on_link_bytes(self.session, data, self.now, self.time_ns)

    def say(self, message: m.Message) -> None:
        self.sent += 1
        body = encode_message(message)[0].stamp(self.time_ns // NS_PER_MS, 1)
        self.feed(wire.seal_frame(FrameKind.DATA, self.epoch, 9, self.sent, body, self.keys.s2a))

    def said(self) -> list[m.Message]:
        self.reader.feed(self.session.take_output(self.now, 1 << 30))
        found = []
        while frame := self.reader.next():
            self.heard += 1
            found.append(decode.decode_message(decode.open_envelope(wire.open_frame(frame, self.keys.a2s, self.heard))))
        return found

    def updates(self) -> list[m.StatusUpdate]:
        return [update for message in self.said() if isinstance(message, m.UpdateList) for update in message.items]

    def cut(self) -> None:
        self.agent.on_link_closed(self.session, self.now)

    def pass_time(self, ms: int) -> None:
        self.time_ns += ms * NS_PER_MS
        self.agent.on_timer(self.now)

    def assign(self, *refs: m.AttemptRef, **task: Any) -> None:
        template = m.TaskTemplate(**{"driver": "python", "command": ("f",), "task_name": "main", **task})
        self.say(m.AssignmentList((template,), tuple(m.Assignment(one) for one in refs)))

    def start(self, one: m.AttemptRef) -> None:
        self.agent.on_started(one, self.now)

    def end(self, one: m.AttemptRef, **changes: Any) -> None:
        self.runners.idle += 1
        self.agent.on_ended(one, {**GOOD, **changes}, self.now)

    def ack(self, *updates: m.StatusUpdate) -> None:
        self.say(m.StatusAck(tuple(m.UpdateKey(update.ref, update.number) for update in updates)))

    def write(self, one: m.AttemptRef, name: str, text: str) -> None:
        folder = self.folder / "attempts" / ".".join(map(str, one))
        with (folder / name).open("a") as file:
            file.write(text)


def statuses(updates: list[m.StatusUpdate]) -> list[tuple[int, TaskStatus]]:
    return [(update.number, update.status) for update in updates]
