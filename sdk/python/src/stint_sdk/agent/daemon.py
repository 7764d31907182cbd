"""The agent: holds attempts, has them run, tells the scheduler. It knows no socket and no process, and gets the time with every call.

A turn follows whatever happened: read what tasks wrote, persist all changes as one transaction, start what may start, and only then send.
Whatever the agent has said it can say again after a crash at any point, word for word, because the journal knew it first.
Source: docs/protocol.md "Session"; docs/adr/0017-functions-are-named-by-jobs.md.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stint_sdk.agent.address import Address
from stint_sdk.agent.attempts import Attempt, Attempts
from stint_sdk.agent.held_keys import BadRekey, HeldKeys
from stint_sdk.agent.journal import Journal
from stint_sdk.agent.launch import Refusal, describe_server, lay_out, make_order
from stint_sdk.agent.outcome import Outcome, find_outcome
from stint_sdk.agent.trust import CellTrust, TlsOptions
from stint_sdk.agent.worker import END_FILE
from stint_sdk.generated.wire_schema import CancelMode, CloseReason, EndReason, TaskStatus, Verdict
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.clock import NS_PER_MS, Now
from stint_sdk.protocol.session import NEVER, AgentSession, Ended, Established, Event, Identity, Received

ACCEPT_REPORT_DELAY_NS = 20 * NS_PER_MS  # one that starts or ends sooner costs one update less
POLL_NS = 50 * NS_PER_MS  # of what running tasks write
JOURNAL_RETRY_NS = 1000 * NS_PER_MS
KILL_GRACE_MS = 5_000
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.1, 15.0
BACKOFF_AFTER_ERROR = 5  # doublings at least, once the scheduler ended a session for cause: it will do so again


class Runners(Protocol):
    """What the agent asks of the workers."""

    @property
    def functions(self) -> Mapping[str, str | None]: ...
    @property
    def gpus_each(self) -> int: ...
    def find_idle(self, function: str) -> Any: ...
    def run(self, worker: Any, ref: m.AttemptRef, order: dict[str, Any]) -> None: ...
    def signal(self, ref: m.AttemptRef, number: int) -> None: ...


@dataclass
class Deadline:
    """Of a running attempt. NEVER: none."""

    timeout_ns: int = NEVER
    kill_ns: int = NEVER
    has_timed_out: bool = False


def remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


class Agent:
    def __init__(
        self,
        info: m.AgentInfo,
        number: int,
        keys: HeldKeys,
        state_dir: Path,
        log: Callable[[str], None],
        remove: Callable[[Path], None] = remove_tree,
        trust: CellTrust | None = None,
    ) -> None:
        self.info, self.log = info, log
        self._number, self._keys = number, keys
        self.runners: Runners | None = None
        self.session: AgentSession | None = None  # that speaks for the agent
        self.wants_second_line = False  # there is a newer key to say HELLO with, on a connection beside that of the session
        self.counters: Counter[str] = Counter()
        self.server = Address("localhost", 0)  # where the link found the scheduler
        self._trust = trust or CellTrust(TlsOptions(), {})
        self.is_synced = False  # Reconcile was read: updates and output may be sent
        self._journal = Journal(state_dir / "journal.db")
        folder = state_dir / "attempts"
        folder.mkdir(exist_ok=True)
        self.attempts = Attempts(self._journal, folder, remove)
        self._instance, self._boot = self._journal.instance(), os.urandom(16)
        self._open: dict[AgentSession, int] = {}  # sessions, with the key epoch of each
        self._older: AgentSession | None = None  # whose place another has taken, which is not reconciled yet
        self._alone_since_ns: int | None = None  # without a session since then; None: it has one
        self._deadlines: dict[m.AttemptRef, Deadline] = {}
        self._connect = 0
        self._failures = 0
        self._is_draining = self._is_leaving = False
        self._journal_retry_ns: int | None = None

    def recover(self, now: Now) -> None:
        """First, once. What was running is lost, unless its worker had written its end."""
        for attempt in self.attempts.recover():
            if attempt.has_ended:
                continue
            attempt.reports.read(is_last=True)
            self._keep_result(attempt)
            try:
                end = json.loads((attempt.folder / END_FILE).read_text())
            except (OSError, ValueError):
                detail = "the agent was restarted, and its worker with it"
                self.attempts.on_ended(attempt, Outcome(TaskStatus.FAILED, EndReason.LOST, detail=detail), now.wall_ms)
            else:
                self._end(attempt, end, now)
        self.turn(now)

    # The link.

    def on_link_open(self, now: Now) -> AgentSession:
        key = self._keys.current
        identity = Identity(self._number, key.epoch, key.key, self._instance, self._boot)
        session = AgentSession(identity, self._next_connect(), os.urandom(32), now, self.counters)
        self._open[session] = key.epoch
        self.wants_second_line = False
        if self.session is None:
            self.session = session
            self.is_synced = False
        return session

    def _next_connect(self) -> int:
        """`boot` is new with every start, so one that could not be written does no harm."""
        try:
            self._connect = max(self._connect + 1, self._journal.next_connect())
        except sqlite3.Error as error:
            self._connect += 1
            self.log(f"connection counter not written: {error}")
        return self._connect

    def on_link_bytes(self, session: AgentSession, data: bytes, now: Now, empty_since_ns: int) -> None:
        session.on_bytes(data, now, empty_since_ns)
        self.turn(now)

    def on_link_closed(self, session: AgentSession, now: Now) -> None:
        session.on_closed()
        self._pump(now)
        self._open.pop(session, None)
        if session is self._older:
            self._older = None
        if session is self.session:
            self.session = None
            self._lose_session(now)
        self.turn(now)

    def _lose_session(self, now: Now) -> None:
        if self.is_synced:
            self._alone_since_ns = now.boot_ns
        self.is_synced = False
        self.attempts.on_session_lost()

    def next_delay_s(self) -> float:
        """Until the next try to connect: jittered, so that agents do not come back in step."""
        most = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 20)
        return random.uniform(0, most)

    # Time.

    def on_timer(self, now: Now) -> None:
        for session in list(self._open):
            session.on_timer(now)
        self._stop_alone(now)
        for ref, deadline in list(self._deadlines.items()):
            attempt = self.attempts.find(ref)
            if attempt is None or attempt.has_ended:
                del self._deadlines[ref]
            elif now.boot_ns >= deadline.kill_ns:
                deadline.kill_ns = NEVER
                self._runners.signal(ref, signal.SIGKILL)
            elif now.boot_ns >= deadline.timeout_ns:
                deadline.timeout_ns = NEVER
                deadline.has_timed_out = True
                self._ask_to_end(attempt, now)
        self.turn(now)

    def next_deadline_ns(self, now: Now) -> int:
        times = [min(one.timeout_ns, one.kill_ns) for one in self._deadlines.values()]
        times += [session.next_deadline_ns() for session in self._open]
        if self._deadlines:  # also for those that may not be alone for long
            times.append(now.boot_ns + POLL_NS)
        if (accept_ns := self.attempts.next_accept_ns()) is not None and self.is_synced:
            times.append(max(accept_ns, now.boot_ns + NS_PER_MS))
        if self._journal_retry_ns is not None:
            times.append(self._journal_retry_ns)
        return min(times, default=NEVER)

    def drain(self, now: Now) -> None:
        """Takes nothing new, and leaves when all has ended. Again: ends what runs."""
        if self._is_draining:
            for attempt in self.attempts.in_order():
                self._stop(attempt, CancelMode.GRACEFUL, EndReason.LOST, now)
        self._is_draining = True
        if self.is_synced and self.session is not None:
            self.session.send(self._make_info())
        self.turn(now)

    @property
    def is_finished(self) -> bool:
        """It was told to leave, and has said all that there was to say."""
        return self._is_draining and len(self.attempts) == 0

    def leave(self, now: Now) -> None:
        self._is_leaving = True
        for session in list(self._open):
            session.close(CloseReason.LEAVING, "the agent was told to stop")
        self._pump(now)

    # Workers.

    def on_started(self, ref: m.AttemptRef, now: Now) -> None:
        if (attempt := self.attempts.find(ref)) is not None:
            self.attempts.on_started(attempt, now.wall_ms)
        self.turn(now)

    def on_ended(self, ref: m.AttemptRef, end: dict[str, Any], now: Now) -> None:
        if (attempt := self.attempts.find(ref)) is not None:
            self._end(attempt, end, now)
        self.turn(now)

    def on_died(self, ref: m.AttemptRef, status: int, now: Now) -> None:
        """The worker is gone without a word."""
        attempt = self.attempts.find(ref)
        if attempt is not None and not attempt.has_ended:
            self._end(attempt, {"status": "died", "exit_code": status, "detail": ""}, now)
        self.turn(now)

    def _end(self, attempt: Attempt, end: Mapping[str, Any], now: Now) -> None:
        attempt.reports.read(is_last=True)
        self._keep_result(attempt)
        deadline = self._deadlines.pop(attempt.ref, Deadline())
        self.attempts.on_ended(attempt, find_outcome(attempt, end, deadline.has_timed_out), now.wall_ms)

    def _keep_result(self, attempt: Attempt) -> None:
        """Persisted when it comes: whatever dies then, the result is known."""
        result = attempt.reports.result
        if result is not None and result != attempt.state.result and not attempt.has_ended:
            attempt.state.result = result
            self.attempts.touch(attempt)

    def _stop(self, attempt: Attempt, mode: CancelMode, reason: EndReason, now: Now) -> None:
        if attempt.has_ended:
            return
        if mode == CancelMode.RECALL:
            if attempt.order is None:  # it has been started: it goes on, and nothing is answered
                return
            reason = EndReason.RECALLED
        attempt.stop_reason = reason
        if attempt.order is not None:
            status = TaskStatus.FAILED if reason == EndReason.LOST else TaskStatus.CANCELLED
            self.attempts.on_ended(attempt, Outcome(status, reason, detail="stopped before it was started"), now.wall_ms)
        elif mode == CancelMode.KILL:
            self._runners.signal(attempt.ref, signal.SIGKILL)
        else:
            self._ask_to_end(attempt, now)

    def _ask_to_end(self, attempt: Attempt, now: Now) -> None:
        self._runners.signal(attempt.ref, signal.SIGTERM)
        grace_ms = attempt.kill_grace_ms or KILL_GRACE_MS
        self._deadlines.setdefault(attempt.ref, Deadline()).kill_ns = now.boot_ns + grace_ms * NS_PER_MS

    @property
    def _runners(self) -> Runners:
        assert self.runners is not None
        return self.runners

    # The session.

    def _pump(self, now: Now) -> None:
        for session in list(self._open):
            for event in session.take_events():
                self._on_event(session, event, now)

    def _on_event(self, session: AgentSession, event: Event, now: Now) -> None:
        if isinstance(event, Established):
            self._speak_on(session, now)
            self.log(f"connected to the scheduler, session {event.session}, key epoch {self._open[session]}")
            held = tuple(attempt.held() for attempt in self.attempts.in_order() if not attempt.is_forgotten)
            return session.send(m.Resume(self._make_info(), held))
        if isinstance(event, Received):
            # What still comes where another session has taken over is ignored: Resume said what we hold.
            return self._on_message(event.message, now) if session is self.session else None
        if event.code == "rejected" and event.detail.startswith("unauthenticated"):
            self._keys.on_refused(self._open[session])
        if session is self.session:
            self._lose_session(now)
            if self._older is not None:
                self._older.close(CloseReason.NORMAL, "its successor has failed")
        return self._on_session_ended(event)

    def _speak_on(self, session: AgentSession, now: Now) -> None:
        """A session under a newer key takes over without a moment in which the agent is out of reach."""
        if session is self.session:
            return
        self._older, self.session = self.session, session
        self.is_synced = False
        self.attempts.on_session_lost()

    def _on_session_ended(self, event: Ended) -> None:
        if self._is_leaving:
            return
        self.log(f"session ended: {event.code}: {event.detail}")
        if event.reason not in (CloseReason.NORMAL, CloseReason.LEAVING):
            self._failures = max(self._failures, BACKOFF_AFTER_ERROR)

    def _on_message(self, message: m.Message, now: Now) -> None:
        if isinstance(message, m.AssignmentList):
            self._on_assignments(message, now)
        elif isinstance(message, m.StatusAck):
            for ref, number in message.items:
                if (attempt := self.attempts.find(ref)) is not None:
                    self.attempts.on_acked(attempt, number)
        elif isinstance(message, m.Reconcile):
            self._on_reconcile(message, now)
        elif isinstance(message, m.Cancel):
            for item in message.items:
                if (attempt := self.attempts.find(item.ref)) is not None:
                    self._stop(attempt, item.mode, item.reason, now)
        elif isinstance(message, m.Credit):
            self._on_credit(message)
        elif isinstance(message, m.Rekey):
            self._on_rekey(message)
        elif isinstance(message, m.CellPins):
            self._on_pins(message)
        elif isinstance(message, m.Error):
            self.log(f"the scheduler says {message.code}: {message.detail}")

    def _on_rekey(self, message: m.Rekey) -> None:
        assert self.session is not None
        try:
            self._keys.take(message, self._number, self._open[self.session])
        except BadRekey as bad:
            self.log(f"refused a new key: {bad}")
            return self.session.send(m.Error("bad_rekey", str(bad)))
        except OSError as error:  # it goes on as before, and the offer comes again
            return self.log(f"a new key cannot be kept: {error}")
        self.wants_second_line = True
        return None

    def _on_pins(self, message: m.CellPins) -> None:
        try:
            self._trust.take(message.pins)
        except OSError as error:  # those that it has go on to count, and these come again with the next session
            self.log(f"the cell's new pins cannot be kept: {error}")

    def _confirm_key(self) -> None:
        assert self.session is not None
        try:
            self._keys.confirm(self._open[self.session])
        except OSError as error:
            self.log(f"an old key cannot be forgotten: {error}")
        if self._older is not None:
            self._older.close(CloseReason.NORMAL, "its successor has taken over")
            self._older = None

    def _stop_alone(self, now: Now) -> None:
        """Attempts that may not run on for longer without their scheduler."""
        if self._alone_since_ns is None:
            return
        for attempt in self.attempts.in_order():
            if attempt.stop_after_ms and now.boot_ns >= self._alone_since_ns + attempt.stop_after_ms * NS_PER_MS:
                attempt.stop_detail = f"no session with the scheduler for {attempt.stop_after_ms} ms (stop_after)"
                attempt.stop_after_ms = 0
                self._stop(attempt, CancelMode.GRACEFUL, EndReason.LOST, now)

    def _on_assignments(self, message: m.AssignmentList, now: Now) -> None:
        extras = {extra.index: extra for extra in message.extras}
        for index, item in enumerate(message.items):
            held = self.attempts.find(item.ref)
            if held is not None:
                held.sent = 0  # the scheduler does not know that we have it
                self.attempts.resend(held)
                continue
            self._accept(item.ref, message.templates[item.template_index], extras.get(index, m.AssignedExtra(index)), now)

    def _accept(self, ref: m.AttemptRef, template: m.TaskTemplate, extra: m.AssignedExtra, now: Now) -> None:
        function = template.command[0] if template.command else ""
        why = self._find_refusal(template)  # before it counts itself
        attempt = self.attempts.add(ref, function)
        attempt.accept_due_ns = now.boot_ns + ACCEPT_REPORT_DELAY_NS
        attempt.timeout_ms, attempt.kill_grace_ms = template.timeout_ms, template.kill_grace_ms
        attempt.stop_after_ms = template.stop_after_ms
        try:
            if why is not None:
                raise Refusal(EndReason.REFUSED, why)
            where = describe_server(self.server, self._trust.current)
            attempt.order = make_order(attempt.folder, ref, template, extra, self._runners.functions, where)
        except Refusal as refusal:
            self.log(f"refused {'.'.join(map(str, ref))}: {refusal}")
            self.attempts.on_ended(attempt, Outcome(TaskStatus.FAILED, refusal.reason, detail=str(refusal)), now.wall_ms)

    def _find_refusal(self, template: m.TaskTemplate) -> str | None:
        if self._is_draining or self._is_leaving:
            return "the agent takes nothing new: it was told to finish"
        if self._journal_retry_ns is not None:
            return "the agent's journal cannot be written (is its disk full?)"
        if self.info.window and self.attempts.active() >= self.info.window:
            return f"the agent holds {self.info.window} attempts already, its limit"
        if template.resources.gpus > self._runners.gpus_each:
            return f"{template.resources.gpus} GPUs wanted, a worker of this agent has {self._runners.gpus_each}"
        return None

    def _on_reconcile(self, message: m.Reconcile, now: Now) -> None:
        self.is_synced = True
        self._alone_since_ns = None
        self._failures = 0
        self._confirm_key()
        verdicts = {item.ref: item for item in message.items}
        for attempt in self.attempts.in_order():
            # Without a verdict there is nothing to rely on: keep, and tell all.
            self._apply_verdict(attempt, verdicts.get(attempt.ref, m.AttemptVerdict(attempt.ref)), now)

    def _apply_verdict(self, attempt: Attempt, verdict: m.AttemptVerdict, now: Now) -> None:
        attempt.accept_due_ns = 0
        if verdict.verdict == Verdict.FORGET:
            attempt.is_unwanted = True
            self._stop(attempt, CancelMode.KILL, EndReason.CANCELLED, now)
            return self.attempts.settle(attempt)
        if verdict.verdict == Verdict.STOP:
            self._stop(attempt, CancelMode.GRACEFUL, EndReason.CANCELLED, now)
        else:
            attempt.logs[0].acked, attempt.logs[1].acked = verdict.stdout_acked, verdict.stderr_acked
        for cursor in attempt.logs:
            cursor.sent = cursor.acked
        self.attempts.on_reconciled(attempt, verdict.acked_update)
        return self.attempts.resend(attempt)

    def _on_credit(self, message: m.Credit) -> None:
        for ack in message.log_acks:
            if (attempt := self.attempts.find(ack.ref)) is not None:
                cursor = attempt.logs[ack.stream - 1]
                cursor.acked = max(cursor.acked, ack.acked)
                self.attempts.settle(attempt)

    def _make_info(self) -> m.AgentInfo:
        if not self._is_draining:
            return self.info
        return replace(self.info, drivers=(), notes=(*self.info.notes, "draining: takes nothing new"))

    # The turn.

    def turn(self, now: Now) -> None:
        self._pump(now)
        for attempt in self.attempts.in_order():
            if attempt.is_running and attempt.reports.read():
                self._keep_result(attempt)
        self._persist(now)
        if self.runners is not None:
            self._launch(now)
            self._persist(now)
        if self.session is not None:
            self.session.running = self.attempts.active()
            if self.is_synced:
                self._send(self.session, now)
        self._pump(now)

    def _persist(self, now: Now) -> None:
        if self._journal_retry_ns is not None and now.boot_ns < self._journal_retry_ns:
            return
        try:
            self.attempts.persist()
        except sqlite3.Error as error:
            if self._journal_retry_ns is None:
                self.log(f"journal: {error}; new work is refused until it can be written")
            self._journal_retry_ns = now.boot_ns + JOURNAL_RETRY_NS
        else:
            self._journal_retry_ns = None

    def _launch(self, now: Now) -> None:
        """Nothing starts before the journal knows of it."""
        for attempt in self.attempts.in_order():
            if attempt.order is None or attempt.is_dirty:
                continue
            worker = self._runners.find_idle(attempt.state.function)
            if worker is None:
                return
            order, attempt.order = attempt.order, None
            try:
                lay_out(attempt.folder, order)
            except OSError as error:
                self.attempts.on_ended(attempt, Outcome(TaskStatus.FAILED, EndReason.START_FAILED, detail=str(error)), now.wall_ms)
                continue
            timeout_ns = now.boot_ns + attempt.timeout_ms * NS_PER_MS if attempt.timeout_ms else NEVER
            self._deadlines[attempt.ref] = Deadline(timeout_ns)
            self._runners.run(worker, attempt.ref, order)

    def _send(self, session: AgentSession, now: Now) -> None:
        """Output first, the end after it: who follows the output stops at the end."""
        self._send_output(session)
        updates: list[m.StatusUpdate] = []
        for attempt in self.attempts.in_order():
            is_last = attempt.has_ended
            if is_last and attempt.sent >= attempt.state.number:
                continue
            if session.report_credit > len(updates) and (report := attempt.reports.take_update(attempt.ref, now.boot_ns, is_last=is_last)):
                updates.append(report)
        updates += self.attempts.take_updates(now.boot_ns)
        if updates:
            session.send(m.UpdateList(tuple(updates)))

    def _send_output(self, session: AgentSession) -> None:
        """In turn, a chunk of each stream, as far as the credit reaches."""
        streams: Sequence[tuple[Attempt, int]] = [
            (one, stream) for one in self.attempts.in_order() if one.order is None for stream in (0, 1)
        ]
        while streams and session.log_credit > 0:
            going_on = []
            for attempt, stream in streams:
                if session.log_credit == 0:
                    return
                if (chunk := attempt.read_chunk(stream)) is not None:
                    session.send(chunk)
                    going_on.append((attempt, stream))
            streams = going_on
