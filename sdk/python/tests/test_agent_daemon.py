"""The agent without processes and sockets: what it promises, in which order, and what it says again after a crash."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_world import GOOD, World, ref, statuses

from stint_sdk.generated.wire_schema import CancelMode, EndReason, LogStream, TaskStatus, Verdict
from stint_sdk.protocol import messages as m


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path)


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


def test_confirmations_mean_nothing_to_who_was_given_nothing_provisional(world: World) -> None:
    assert not world.connect().info.knows_provisional
    world.assign(ref())
    world.start(ref())
    assert statuses(world.updates()) == [(2, TaskStatus.RUNNING)]
    world.say(m.AssignmentList(confirmed=(ref(), ref(1))))
    assert world.said() == [] and len(world.agent.attempts) == 1
    world.end(ref())
    assert statuses(world.updates()) == [(3, TaskStatus.COMPLETED)]


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


def test_gives_back_what_it_has_not_started(world: World) -> None:
    world.runners.idle = 1
    world.connect()
    world.assign(ref(0), ref(1))
    world.start(ref(0))
    world.say(m.Cancel((m.CancelItem(ref(0), CancelMode.RECALL), m.CancelItem(ref(1), CancelMode.RECALL))))
    assert world.runners.signals == []
    ends = {update.ref: (update.status, update.reason) for update in world.updates() if update.status == TaskStatus.CANCELLED}
    assert ends == {ref(1): (TaskStatus.CANCELLED, EndReason.RECALLED)}


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
