"""What an agent wants to say and may not say yet: updates and logs before Reconcile, reports and logs without credit.

A change of state (number > 0) needs no credit. Order within each kind is kept; a report that waits may be overtaken by a change of state,
so one whose attempt has ended meanwhile is dropped.
Source: docs/protocol.md "Credits and queues".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from stint_sdk.generated.wire_schema import TaskStatus
from stint_sdk.protocol import limits
from stint_sdk.protocol.messages import LogChunk, StatusUpdate, UpdateList

ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


class AgentOutbox:
    def __init__(self) -> None:
        self.dropped = 0  # reports thrown away because too many waited
        self.waiting_log_bytes = 0
        self._is_open = False
        self._log_credit = 0
        self._report_credit = 0
        self._ready: list[StatusUpdate] = []
        self._reports: deque[StatusUpdate] = deque()
        self._chunks: deque[LogChunk] = deque()

    def open(self) -> None:
        """Reconcile came: work may flow."""
        self._is_open = True

    def grant(self, log_chunks: int, reports: int) -> None:
        self._log_credit = min(self._log_credit + log_chunks, limits.CREDIT_MAX)
        self._report_credit = min(self._report_credit + reports, limits.CREDIT_MAX)

    def add_updates(self, updates: Iterable[StatusUpdate]) -> None:
        for update in updates:
            if update.number == 0:
                self._add_report(update)
                continue
            if update.status in ENDED:
                self._reports = deque(report for report in self._reports if report.ref != update.ref)
            self._ready.append(update)

    def add_chunk(self, chunk: LogChunk) -> None:
        self.waiting_log_bytes += len(chunk.bytes)
        self._chunks.append(chunk)

    def take_updates(self) -> UpdateList | None:
        """Everything that may leave now, credit taken."""
        if not self._is_open:
            return None
        while self._reports and self._report_credit > 0:
            self._report_credit -= 1
            self._ready.append(self._reports.popleft())
        ready, self._ready = self._ready, []
        return UpdateList(tuple(ready)) if ready else None

    def take_chunk(self) -> LogChunk | None:
        if not self._is_open or self._log_credit == 0 or not self._chunks:
            return None
        self._log_credit -= 1
        chunk = self._chunks.popleft()
        self.waiting_log_bytes -= len(chunk.bytes)
        return chunk

    @property
    def log_credit(self) -> int:
        """Chunks that could be added and would leave at once."""
        return max(0, self._log_credit - len(self._chunks)) if self._is_open else 0

    @property
    def report_credit(self) -> int:
        return max(0, self._report_credit - len(self._reports)) if self._is_open else 0

    def _add_report(self, report: StatusUpdate) -> None:
        if self._is_open and self._report_credit > 0 and not self._reports:
            self._report_credit -= 1
            self._ready.append(report)
            return
        if len(self._reports) == limits.HELD_REPORTS:
            self._reports.popleft()
            self.dropped += 1
        self._reports.append(report)
