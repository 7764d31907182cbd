"""The agent without processes and sockets: what it promises, in which order, and what it says again after a crash."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stint_sdk import wire
from stint_sdk.agent.daemon import Agent
from stint_sdk.generated.wire_schema import CancelMode, EndReason, LogStream, TaskStatus, Verdict
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
        self.boot()

    @property
    def now(self) -> Now:
        return Now(self.time_ns, 1_793_000_000_000 + self.time_ns // NS_PER_MS)

    def boot(self, info: m.AgentInfo | None = None) -> None:
        self.runners = FakeRunners()
        self.agent = Agent(info or m.AgentInfo("box", drivers=("python",), window=4), (7, 1, KEY), self.folder, self.logged.append)
        self.agent.runners = self.runners
        self.agent.recover(self.now)

    def crash(self) -> None:
        """All that is not on disk is gone."""
        self.agent._journal.close()
        self.boot()

    def connect(self, *verdicts: m.AttemptVerdict, log_credit: int = 100, reconcile: bool = True) -> m.Resume:
        self.reader = FrameReader()
        self.sent = self.heard = 0
        self.agent.on_link_open(self.now)
        assert self.agent.session is not None
        hello_frame = self.agent.session.take_output(self.now, 1 << 20)
        self.reader.feed(hello_frame)
        frame = self.reader.next()
        assert frame is not None
        self.hello = decode.decode_hello(decode.open_envelope(wire.open_frame(frame, wire.derive_hello_keys(KEY).a2s, 0)))
        time_ms = self.time_ns // NS_PER_MS
        ack = m.HelloAck(9, bytes(32), self.hello.nonce, time_ms, 1, 0, 2**21, 30_000, 5_000, log_credit, 100)
        ack_frame = wire.seal_frame(FrameKind.HELLO_ACK, 1, 9, 0, encode_hello_ack(ack).stamp(time_ms, 0), wire.derive_hello_keys(KEY).s2a)
        self.keys = wire.derive_session_keys(KEY, self.hello.nonce, ack.nonce, wire.handshake_transcript(hello_frame, ack_frame))
        self.reader.set_limit(2**21)
        self.feed(ack_frame)
        [resume] = self.said()
        assert isinstance(resume, m.Resume)
        if reconcile:
            self.say(m.Reconcile(verdicts or tuple(m.AttemptVerdict(held.ref) for held in resume.held)))
        return resume

    def feed(self, data: bytes) -> None:
        self.agent.on_link_bytes(data, self.now, self.time_ns)

    def say(self, message: m.Message) -> None:
        self.sent += 1
        body = encode_message(message)[0].stamp(self.time_ns // NS_PER_MS, 1)
        self.feed(wire.seal_frame(FrameKind.DATA, 1, 9, self.sent, body, self.keys.s2a))

    def said(self) -> list[m.Message]:
        assert self.agent.session is not None
        self.reader.feed(self.agent.session.take_output(self.now, 1 << 30))
        found = []
        while frame := self.reader.next():
            self.heard += 1
            found.append(decode.decode_message(decode.open_envelope(wire.open_frame(frame, self.keys.a2s, self.heard))))
        return found

    def updates(self) -> list[m.StatusUpdate]:
        return [update for message in self.said() if isinstance(message, m.UpdateList) for update in message.items]

    def cut(self) -> None:
        self.agent.on_link_closed(self.now)

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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path)


def statuses(updates: list[m.StatusUpdate]) -> list[tuple[int, TaskStatus]]:
    return [(update.number, update.status) for update in updates]


def test_an_attempt_from_assignment_to_forgetting(world: World) -> None:
    world.connect()
    world.assign(ref(), command=("f", "a=${{ index }}"), is_array=True, array_first=10)
    order = world.runners.started[ref()]
    assert order["arguments"] == ["a=10"] and order["env"]["STINT_TASK_ID"] == "5.main.10"
    world.start(ref())
    assert statuses(world.updates()) == [(2, TaskStatus.RUNNING)]
    world.write(ref(), "stdout", "hello")
    world.write(ref(), "report", '{"progress": 0.5}\n{"result": {"a": 1}}\n')
    world.end(ref())
    chunk, updates = world.said()
    assert chunk == m.LogChunk(ref(), LogStream.OUT, 0, b"hello")
    assert isinstance(updates, m.UpdateList)
    report, end = updates.items
    assert (report.number, report.progress) == (0, 0.5)
    assert (end.number, end.status, end.reason, end.result) == (3, TaskStatus.COMPLETED, EndReason.EXIT, '{"a":1}')
    world.ack(end)
    assert len(world.agent.attempts) == 1  # its output is not durable there yet
    world.say(m.Credit(log_acks=(m.LogAck(ref(), LogStream.OUT, 5),)))
    assert len(world.agent.attempts) == 0
    assert list((world.folder / "attempts").iterdir()) == []
    world.crash()
    assert world.connect().held == ()


def test_an_accepted_attempt_is_reported_if_it_does_not_start(world: World) -> None:
    world.runners.idle = 0
    world.connect()
    world.assign(ref())
    assert world.said() == []
    world.pass_time(19)
    assert world.said() == []
    world.pass_time(1)
    assert statuses(world.updates()) == [(1, TaskStatus.PENDING)]


def test_the_end_waits_for_the_output(world: World) -> None:
    world.connect(log_credit=0)
    world.assign(ref())
    world.start(ref())
    world.write(ref(), "stderr", "x" * 100_000)
    world.end(ref())
    assert statuses(world.updates()) == [(2, TaskStatus.RUNNING)]
    world.say(m.Credit(log_chunks=1))
    assert [len(chunk.bytes) for chunk in world.said() if isinstance(chunk, m.LogChunk)] == [65_536]
    world.say(m.Credit(log_chunks=1))
    chunk, end = world.said()
    assert isinstance(chunk, m.LogChunk) and (chunk.stream, chunk.offset) == (LogStream.ERR, 65_536)
    assert isinstance(end, m.UpdateList) and statuses(list(end.items)) == [(3, TaskStatus.COMPLETED)]


def test_what_was_said_is_said_again_word_for_word_after_a_crash(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.write(ref(), "stdout", "hello")
    world.write(ref(), "report", '{"result": 1}\n')
    world.end(ref(), status="exit", exit_code=3, detail="why")
    [end] = [update for update in world.updates() if update.status == TaskStatus.FAILED]
    world.crash()
    resume = world.connect(m.AttemptVerdict(ref(), acked_update=2, stdout_acked=2))
    assert resume.held == (m.HeldAttempt(ref(), TaskStatus.FAILED, 3, 5, 0),)
    chunk, again = world.said()
    assert chunk == m.LogChunk(ref(), LogStream.OUT, 2, b"llo")
    assert again == m.UpdateList((end,))


def test_unacknowledged_updates_come_again_after_a_cut(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    first = world.updates()
    world.cut()
    world.connect(m.AttemptVerdict(ref()))
    assert world.updates() == first
    world.cut()
    world.connect(m.AttemptVerdict(ref(), acked_update=2))
    assert world.updates() == []


def test_what_ran_when_the_agent_died_is_lost(world: World) -> None:
    world.connect()
    world.assign(ref(0), ref(1))
    world.start(ref(0))
    world.crash()
    world.connect()
    ends = world.updates()
    assert [(end.ref, end.status, end.reason) for end in ends] == [(ref(one), TaskStatus.FAILED, EndReason.LOST) for one in (0, 1)]
    # Numbers that the scheduler may know of and we have forgotten are left out.
    assert [end.number for end in ends] == [2 + 16, 1 + 16]
    assert not world.runners.started


def test_an_end_that_the_worker_wrote_is_taken_over(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.write(ref(), "report", '{"result": "late"}')
    world.write(ref(), "end.json", json.dumps(GOOD))
    world.crash()
    world.connect()
    [_, end] = world.updates()  # a report before it
    assert (end.status, end.reason, end.result) == (TaskStatus.COMPLETED, EndReason.EXIT, '"late"')


def test_a_scheduler_that_was_restored_gets_everything_again(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.ack(*world.updates())
    world.cut()
    world.connect(m.AttemptVerdict(ref(), acked_update=0))
    assert statuses(world.updates()) == [(2, TaskStatus.RUNNING)]


def test_numbers_go_on_above_those_that_the_scheduler_knows(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.cut()
    world.connect(m.AttemptVerdict(ref(), acked_update=40))
    assert statuses(world.updates()) == [(41, TaskStatus.RUNNING)]


def test_verdicts(world: World) -> None:
    world.connect()
    world.assign(ref(0), ref(1), ref(2))
    for one in range(3):
        world.start(ref(one))
    world.updates()
    world.cut()
    world.connect(
        m.AttemptVerdict(ref(0), Verdict.KEEP, 2), m.AttemptVerdict(ref(1), Verdict.STOP, 2), m.AttemptVerdict(ref(2), Verdict.FORGET)
    )
    assert world.runners.signals == [(ref(1), signal.SIGTERM), (ref(2), signal.SIGKILL)]
    world.end(ref(1), status="stopped")
    [end] = world.updates()
    assert (end.ref, end.status, end.reason) == (ref(1), TaskStatus.CANCELLED, EndReason.CANCELLED)
    world.agent.on_died(ref(2), -9, world.now)
    assert world.updates() == [] and world.agent.attempts.find(ref(2)) is None


def test_an_assignment_that_comes_twice_is_answered_and_not_started_twice(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    first = world.updates()
    world.runners.started.clear()
    world.assign(ref())
    assert world.updates() == first and not world.runners.started


@pytest.mark.parametrize(
    "task, reason, text",
    [
        ({"driver": "exec"}, EndReason.REFUSED, "no driver 'exec'"),
        ({"command": ("h",)}, EndReason.REFUSED, "no function 'h'; it has: f, g"),
        ({"command": ()}, EndReason.REFUSED, "no function ''"),
        ({"resources": m.Resources(gpus=1)}, EndReason.REFUSED, "1 GPUs wanted"),
        ({"command": ("f", "${{ matrix.x }}")}, EndReason.START_FAILED, "stands for nothing"),
        ({"env": (("A", "${{ item.x }}"),)}, EndReason.START_FAILED, "no JSON object"),
    ],
)
def test_what_it_cannot_run_it_refuses(world: World, task: dict[str, Any], reason: EndReason, text: str) -> None:
    world.connect()
    world.assign(ref(), **task)
    [end] = world.updates()
    assert (end.status, end.reason) == (TaskStatus.FAILED, reason) and text in end.detail
    assert not world.runners.started


def test_more_than_its_window_is_refused(world: World) -> None:
    world.connect()
    world.assign(*(ref(one) for one in range(6)))
    assert [update.reason for update in world.updates() if update.status == TaskStatus.FAILED] == [EndReason.REFUSED] * 2


def test_without_a_journal_nothing_new_starts_and_what_runs_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connect()
    world.assign(ref(0))
    world.start(ref(0))
    world.updates()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.agent._journal, "write", full)
        world.assign(ref(1))
        assert world.updates() == [] and ref(1) not in world.runners.started
        world.end(ref(0))
        assert world.updates() == []  # an end that is not persisted is not told
    world.pass_time(1000)
    assert ref(1) in world.runners.started
    assert statuses(world.updates()) == [(1, TaskStatus.PENDING), (3, TaskStatus.COMPLETED)]
    assert any("disk is full" in line for line in world.logged)


def test_a_timeout_asks_and_then_kills(world: World) -> None:
    world.connect()
    world.assign(ref(), timeout_ms=2000, kill_grace_ms=500)
    world.start(ref())
    world.pass_time(1999)
    assert world.runners.signals == []
    world.pass_time(1)
    assert world.runners.signals == [(ref(), signal.SIGTERM)]
    world.pass_time(500)
    assert world.runners.signals == [(ref(), signal.SIGTERM), (ref(), signal.SIGKILL)]
    world.agent.on_died(ref(), -9, world.now)
    assert world.updates()[-1].reason == EndReason.TIMEOUT


def test_cancels(world: World) -> None:
    world.runners.idle = 1
    world.connect()
    world.assign(ref(0), ref(1))
    world.start(ref(0))
    items = (m.CancelItem(ref(0), CancelMode.KILL), m.CancelItem(ref(1), reason=EndReason.SUPERSEDED), m.CancelItem(ref(9)))
    world.say(m.Cancel(items))
    assert world.runners.signals == [(ref(0), signal.SIGKILL)]
    world.agent.on_died(ref(0), -9, world.now)
    ends = {update.ref: (update.status, update.reason) for update in world.updates() if update.status == TaskStatus.CANCELLED}
    assert ends == {ref(0): (TaskStatus.CANCELLED, EndReason.CANCELLED), ref(1): (TaskStatus.CANCELLED, EndReason.SUPERSEDED)}
    assert list(world.runners.started) == [ref(0)]


def test_what_returned_before_it_was_stopped_has_completed(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.say(m.Cancel((m.CancelItem(ref()),)))
    world.end(ref())
    assert world.updates()[-1].status == TaskStatus.COMPLETED


def test_reports_come_once_a_second_and_the_last_with_the_end(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.updates()
    for step in range(20):
        world.write(ref(), "report", json.dumps({"progress": step / 20, "metrics": {"loss": step}}) + "\n")
        world.pass_time(100)
    reports = world.updates()
    assert [update.number for update in reports] == [0, 0]
    assert [update.progress for update in reports] == pytest.approx([0.0, 0.5])
    world.write(ref(), "report", json.dumps({"progress": 1}))
    world.end(ref())
    assert [(update.number, update.progress) for update in world.updates()] == [(0, 1.0), (3, 0.0)]


def test_a_result_that_is_too_large_fails_the_attempt(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.write(ref(), "report", json.dumps({"result": "x" * 65_536}) + "\n")
    world.end(ref())
    end = world.updates()[-1]
    assert (end.status, end.reason, end.result) == (TaskStatus.FAILED, EndReason.RESULT_TOO_LARGE, "")


def test_drained_it_takes_nothing_and_is_finished_when_all_is_told(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.updates()
    world.agent.drain(world.now)
    [info] = world.said()
    assert isinstance(info, m.AgentInfo) and info.drivers == () and any("draining" in note for note in info.notes)
    world.assign(ref(1))
    refused = world.updates()
    assert [update.reason for update in refused] == [EndReason.REFUSED]
    world.ack(*refused)
    world.agent.drain(world.now)  # again: now
    assert world.runners.signals == [(ref(), signal.SIGTERM)]
    world.end(ref(), status="stopped")
    [end] = world.updates()
    assert (end.status, end.reason) == (TaskStatus.FAILED, EndReason.LOST)
    assert not world.agent.is_finished
    world.ack(end)
    assert world.agent.is_finished
    world.agent.leave(world.now)
    assert [type(message) for message in world.said()] == [m.Close]


def test_connect_rises_and_instance_stays(world: World) -> None:
    world.connect()
    first = world.hello
    world.cut()
    world.connect()
    second = world.hello
    world.crash()
    world.connect()
    third = world.hello
    assert first.connect < second.connect < third.connect
    assert first.instance == second.instance == third.instance
    assert first.boot == second.boot != third.boot


def test_nothing_is_sent_before_reconcile(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.cut()
    world.start(ref())
    world.write(ref(), "stdout", "hello")
    world.connect(reconcile=False)
    world.pass_time(1000)
    assert world.said() == []
    world.say(m.Reconcile((m.AttemptVerdict(ref()),)))
    assert [type(message) for message in world.said()] == [m.LogChunk, m.UpdateList]


def test_backoff_grows_and_is_forgotten_when_all_is_well(world: World) -> None:
    delays = [max(world.agent.next_delay_s() for _ in range(1)) for _ in range(40)]
    assert all(0 <= delay <= 15 for delay in delays) and max(delays[8:]) > 1
    world.connect()
    assert world.agent.next_delay_s() <= 0.1
