"""Everything that this agent holds, and the order of promises: a change is persisted first, then sent, then sent again until it is
acknowledged; an attempt is dropped only when its end is acknowledged, its output is durable elsewhere and the journal says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stint_sdk.agent.journal import STEP_RESTORED, AttemptState, Journal, key_of
from stint_sdk.agent.launch import checkpoint_folder
from stint_sdk.agent.outcome import Outcome
from stint_sdk.agent.reports import ReportFile
from stint_sdk.generated.wire_schema import EndReason, LogStream, TaskStatus
from stint_sdk.protocol import limits
from stint_sdk.protocol.messages import AttemptRef, HeldAttempt, LogChunk, StatusUpdate
from stint_sdk.protocol.outbox import ENDED

LEFT_IN_FLIGHT = 8 * 1024 * 1024  # bytes of results sent and not acknowledged: half of a session's output queue
CHECKPOINT_AGE_S = 7 * 24 * 3600  # of a task that did not complete here
STREAMS = (LogStream.OUT, LogStream.ERR)
STREAM_FILES = ("stdout", "stderr")


@dataclass
class Cursor:
    """How far one output stream has come."""

    acked: int = 0
    sent: int = 0  # in this session


@dataclass
class Attempt:
    """One attempt as this process sees it: its persisted state, and what can be found out again."""

    state: AttemptState
    folder: Path
    order: dict[str, Any] | None = None  # for the worker, until one has it
    timeout_ms: int = 0
    kill_grace_ms: int = 0
    stop_after_ms: int = 0  # without a session; 0: it runs on
    gpus: int = 0
    number_step: int = 1
    persisted: int = 0
    sent: int = 0  # highest update number, in this session
    acked: int = 0
    in_flight: int = 0  # bytes of its result, sent in this session and not acknowledged
    is_dirty: bool = False
    is_forgotten: bool = False
    is_unwanted: bool = False  # the scheduler wants to hear nothing more of it
    accept_due_ns: int = 0  # when an accepted attempt is reported if it has not started by then
    stop_reason: EndReason = EndReason.NONE
    stop_detail: str = "stopped"
    logs: list[Cursor] = field(default_factory=lambda: [Cursor(), Cursor()])
    reports: ReportFile = field(init=False)

    def __post_init__(self) -> None:
        self.reports = ReportFile(self.folder / "report")

    @property
    def ref(self) -> AttemptRef:
        return self.state.ref

    @property
    def has_ended(self) -> bool:
        return self.state.status in ENDED

    @property
    def is_running(self) -> bool:
        """A worker has it."""
        return self.order is None and not self.has_ended

    def written(self, stream: int) -> int:
        """Bytes of a stream so far; the final number once it has ended."""
        if self.has_ended:
            return self.state.output_bytes[stream]
        try:
            return (self.folder / STREAM_FILES[stream]).stat().st_size
        except OSError:
            return 0

    def read_chunk(self, stream: int) -> LogChunk | None:
        cursor = self.logs[stream]
        most = min(limits.LOG_CHUNK, self.written(stream) - cursor.sent)
        if most <= 0:
            return None
        try:
            with (self.folder / STREAM_FILES[stream]).open("rb") as file:
                file.seek(cursor.sent)
                data = file.read(most)
        except OSError:
            data = b""
        if not data:  # somebody took the file away: what is gone cannot be waited for
            self.state.output_bytes[stream] = min(self.state.output_bytes[stream], cursor.sent)
            return None
        chunk = LogChunk(self.ref, STREAMS[stream], cursor.sent, data)
        cursor.sent += len(data)
        return chunk

    def are_logs_sent(self) -> bool:
        return all(cursor.sent >= self.written(stream) for stream, cursor in enumerate(self.logs))

    def are_logs_done(self) -> bool:
        return all(cursor.acked >= self.written(stream) for stream, cursor in enumerate(self.logs))

    def held(self) -> HeldAttempt:
        return HeldAttempt(self.ref, self.state.status, self.state.number, self.written(0), self.written(1))


class Attempts:
    def __init__(self, journal: Journal, folder: Path, remove: Callable[[Path], None]) -> None:
        """remove: takes a folder away with all that is in it, sooner or later."""
        self._journal, self._folder, self._remove = journal, folder, remove
        self._by_ref: dict[AttemptRef, Attempt] = {}
        self._dirty: dict[AttemptRef, Attempt] = {}
        self._forgotten: dict[AttemptRef, Attempt] = {}
        self._unsent: dict[AttemptRef, Attempt] = {}
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._by_ref)

    def in_order(self) -> Sequence[Attempt]:
        return [self._by_ref[ref] for ref in sorted(self._by_ref)]

    def find(self, ref: AttemptRef) -> Attempt | None:
        return self._by_ref.get(ref)

    def active(self) -> int:
        return sum(not attempt.has_ended for attempt in self._by_ref.values())

    def recover(self) -> Sequence[Attempt]:
        """What the journal knows. Folders that it does not know are of attempts that were dropped."""
        for state in self._journal.attempts():
            attempt = self._by_ref[state.ref] = Attempt(state, self.folder_of(state.ref))
            attempt.persisted = state.number
            attempt.number_step = STEP_RESTORED
        self._sweep_checkpoints()
        known = {attempt.folder for attempt in self._by_ref.values()}
        for folder in self._folder.iterdir():
            if folder not in known:
                self._remove(folder)
        return self.in_order()

    def _sweep_checkpoints(self) -> None:
        oldest = time.time() - CHECKPOINT_AGE_S
        for folder in (self._folder.parent / "checkpoints").glob("*"):
            if folder.stat().st_mtime < oldest:
                self._remove(folder)

    def folder_of(self, ref: AttemptRef) -> Path:
        return self._folder / key_of(ref)

    def add(self, ref: AttemptRef, function: str) -> Attempt:
        attempt = self._by_ref[ref] = Attempt(AttemptState(ref, function), self.folder_of(ref))
        self.change(attempt)
        return attempt

    def change(self, attempt: Attempt) -> None:
        """After fields that an update carries."""
        attempt.state.number += attempt.number_step
        self.touch(attempt)

    def touch(self, attempt: Attempt) -> None:
        """Must be persisted anew, though no update follows from it."""
        attempt.is_dirty = True
        self._dirty[attempt.ref] = attempt

    def on_started(self, attempt: Attempt, started_ms: int) -> None:
        if attempt.state.status == TaskStatus.PENDING:
            attempt.state.status = TaskStatus.RUNNING
            attempt.state.started_ms = started_ms
            self.change(attempt)

    def on_ended(self, attempt: Attempt, outcome: Outcome, ended_ms: int) -> None:
        if attempt.has_ended:
            return
        sizes = [attempt.written(stream) for stream in range(len(STREAMS))]
        attempt.order = None
        state = attempt.state
        state.status, state.reason, state.detail = outcome.status, outcome.reason, outcome.detail
        state.exit_code, state.signal, state.outputs = outcome.exit_code, outcome.signal, list(outcome.outputs)
        state.output_bytes, state.ended_ms = sizes, ended_ms
        if state.status == TaskStatus.COMPLETED and state.started_ms == 0:
            state.started_ms = ended_ms
        self.change(attempt)
        self.settle(attempt)

    def resend(self, attempt: Attempt) -> None:
        self._unsent[attempt.ref] = attempt

    def on_acked(self, attempt: Attempt, number: int) -> None:
        """The scheduler has updates up to `number`."""
        attempt.acked = max(attempt.acked, number)
        if attempt.acked >= attempt.sent:
            self._land(attempt)
        if attempt.acked > attempt.state.number:
            # The journal lost its last records with the power: numbers that we have forgotten are known there. Ours go on above them.
            attempt.state.number = attempt.acked
            self.change(attempt)
        self.settle(attempt)

    def on_reconciled(self, attempt: Attempt, number: int) -> None:
        """What the scheduler has now; after a restore from a backup less than it once acknowledged."""
        attempt.acked = number
        self.on_acked(attempt, number)

    def settle(self, attempt: Attempt) -> None:
        """Drops it if nothing of it is outstanding."""
        if not attempt.has_ended or attempt.is_forgotten:
            return
        if attempt.is_unwanted or (attempt.acked >= attempt.state.number and attempt.are_logs_done()):
            self._land(attempt)
            attempt.is_forgotten = True
            self._forgotten[attempt.ref] = attempt

    def persist(self) -> None:
        """All changes, whole. Errors: sqlite3.Error; everything stays to be written."""
        if not self._dirty and not self._forgotten:
            return
        changed = [attempt for attempt in self._dirty.values() if not attempt.is_forgotten]
        self._journal.write((attempt.state for attempt in changed), self._forgotten)
        for attempt in changed:
            attempt.is_dirty = False
            attempt.persisted = attempt.state.number
            self._unsent[attempt.ref] = attempt
        for ref, attempt in self._forgotten.items():
            del self._by_ref[ref]
            self._remove(attempt.folder)
            if attempt.state.status == TaskStatus.COMPLETED:  # there will be no further attempt
                self._remove(checkpoint_folder(attempt.folder, ref))
        self._dirty.clear()
        self._forgotten.clear()

    def take_updates(self, now_ns: int) -> list[StatusUpdate]:
        """Persisted ones that this session has not seen. An end waits until its output is on its way, so that who follows has all of it."""
        updates = []
        for ref, attempt in list(self._unsent.items()):
            if attempt.is_dirty or (attempt.state.status == TaskStatus.PENDING and now_ns < attempt.accept_due_ns):
                continue
            size = len(attempt.state.result) if attempt.has_ended else 0
            if attempt.has_ended and (not attempt.are_logs_sent() or (size and self._in_flight >= LEFT_IN_FLIGHT)):
                continue
            del self._unsent[ref]
            if attempt.is_forgotten or attempt.state.number <= max(attempt.sent, attempt.acked):
                continue
            self._in_flight += size
            attempt.in_flight += size
            attempt.sent = attempt.state.number
            updates.append(attempt.state.update())
        return updates

    def next_accept_ns(self) -> int | None:
        return min((one.accept_due_ns for one in self._unsent.values() if one.state.status == TaskStatus.PENDING), default=None)

    def on_session_lost(self) -> None:
        for attempt in self._by_ref.values():
            attempt.sent = attempt.in_flight = 0
        self._in_flight = 0
        self._unsent.clear()

    def _land(self, attempt: Attempt) -> None:
        self._in_flight -= attempt.in_flight
        attempt.in_flight = 0
