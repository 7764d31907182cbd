"""From `body ‖ tag` to messages: the verifier, then the check of meaning, field by field in the order of the C++ implementation, so that
both name the same first thing wrong.

Errors: Refused; with the code `malformed` the connection ends, any other is answered.
Source: docs/protocol.md "Order of checks", steps 7 to 9, and "Limits".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, TypeVar

from stint_sdk._flat import Malformed, View, open_root
from stint_sdk.generated.wire_schema import (
    SCHEMA,
    AgentType,
    CancelMode,
    CloseReason,
    EndReason,
    LogStream,
    SchedulerMessage,
    StorageType,
    TaskStatus,
    Verdict,
)
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.wire import TAG_SIZE

Word = TypeVar("Word", bound=IntEnum)
SCHEMA_VERSION = 1


class Refused(Exception):
    """What was refused, by its code, and why in words: what, with which value, the limit."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class Envelope:
    """A verified buffer whose version, timestamp and signature are good."""

    def __init__(self, root: View) -> None:
        self.root = root
        self.timestamp_ms = root.number("timestamp")
        self.message_type = root.number("message_type")


def open_envelope(body_and_tag: bytes) -> Envelope:
    try:
        root = open_root(body_and_tag, SCHEMA, limits.DEPTH, limits.TABLES + len(body_and_tag) // limits.BYTES_PER_TABLE)
    except Malformed:
        raise Refused("malformed", "the buffer is no MessageEnvelope") from None
    if root.number("version") != SCHEMA_VERSION:
        raise Refused("bad_envelope", f"schema version {root.number('version')}, must be {SCHEMA_VERSION}")
    if not 0 < root.number("timestamp") <= limits.NUMBER_MAX:
        raise Refused("bad_timestamp", "timestamp 0 or beyond 63 bits")
    signature = root.raw("signature")
    if signature is not None and signature != body_and_tag[-TAG_SIZE:]:
        raise Refused("bad_signature", "signature is present and not the frame's tag")
    return Envelope(root)


def decode_hello(envelope: Envelope) -> m.Hello:
    return _hello(Checker(), _only(envelope, SchedulerMessage.HELLO))


def decode_hello_ack(envelope: Envelope) -> m.HelloAck:
    return _hello_ack(Checker(), _only(envelope, SchedulerMessage.HELLO_ACK))


def decode_reject(envelope: Envelope) -> m.Reject:
    view, c = _only(envelope, SchedulerMessage.REJECT), Checker()
    return m.Reject(c.text(view, "code", limits.NAME, required=True), c.text(view, "detail", limits.NAME))


def decode_message(envelope: Envelope) -> m.Message:
    """Of a DATA frame. The seed's single TaskAssignment and StatusUpdate come as lists of one."""
    kind = envelope.message_type
    decode = _DECODERS.get(kind)
    if decode is None:
        # A number that is in the schema has another frame kind; one that is not is from a version that we do not speak.
        is_known = kind in SCHEMA.unions["SchedulerMessage"]
        raise (
            Refused("wrong_direction", f"message type {kind} has no business in this frame kind")
            if is_known
            else Refused("unknown_message", f"message type {kind} is not known")
        )
    view = envelope.root.member("message")
    if view is None:
        raise Refused("null_message", f"message type {kind} without a value")
    return decode(Checker(), view)


def _only(envelope: Envelope, expected: SchedulerMessage) -> View:
    """For the handshake, whose frame kinds allow one member each."""
    if envelope.message_type != expected:
        raise Refused("wrong_direction", f"message type {envelope.message_type} has no business in this frame kind")
    view = envelope.root.member("message")
    if view is None:
        raise Refused("null_message", f"message type {envelope.message_type} without a value")
    return view


class Checker:
    """What one message's check has spent: a small buffer may point to one long text many times."""

    def __init__(self) -> None:
        self.budget = limits.DECODED_BYTES

    def spend(self, size: int) -> None:
        if size > self.budget:
            raise Refused("text_too_long", f"texts and bytes of one message above {limits.DECODED_BYTES} bytes")
        self.budget -= size

    def text_size(self, size: int, name: str, limit: int, *, required: bool = False) -> None:
        if size == 0 and required:
            raise Refused("missing_field", f"{name} is missing")
        if size > limit:
            raise Refused("text_too_long", f"{name} of {size} bytes, limit {limit}")
        self.spend(size)

    def text(self, view: View, name: str, limit: int, *, required: bool = False) -> str:
        self.text_size(view.size(name) or 0, name, limit, required=required)
        return text_of(view.raw(name) or b"")

    def list(self, size: int, name: str, most: int) -> None:
        if size > most:
            raise Refused("list_too_long", f"{name} of {size} items, limit {most}")
        self.spend(size * limits.ITEM_COST)

    def texts(self, view: View, name: str, most: int, limit: int) -> Sequence[str]:
        self.list(view.size(name) or 0, name, most)
        found = []
        for index, size in enumerate(view.text_sizes(name)):
            self.text_size(size, name, limit)
            found.append(text_of(view.raw_text(name, index)))
        return tuple(found)

    def named_texts(self, view: View, name: str, most: int, name_limit: int, value_limit: int) -> m.Pairs:
        self.list(view.size(name) or 0, name, most)
        return tuple(
            (self.text(one, "name", name_limit, required=True), self.text(one, "value", value_limit)) for one in view.children(name)
        )

    def sized(self, view: View, name: str, least: int, most: int) -> bytes:
        size = view.size(name) or 0
        if not least <= size <= most:
            raise Refused("bad_size", f"{name} of {size} bytes, limit {most} bytes, least {least}")
        self.spend(size)
        return view.raw(name) or b""

    def fixed(self, view: View, name: str, size: int) -> bytes:
        found = view.size(name) or 0
        if found != size:
            raise Refused("bad_size", f"{name} of {found} bytes, must be {size}")
        return view.raw(name) or b""

    def blob(self, view: View, name: str) -> bytes:
        """Absent: none, b""."""
        return self.fixed(view, name, 32) if view.has(name) else b""

    def files(self, view: View, name: str) -> Sequence[m.FileRef]:
        self.list(view.size(name) or 0, name, limits.FILES)
        found = []
        for one in view.children(name):
            path = self.text(one, "path", limits.TEXT, required=True)
            found.append(m.FileRef(path, self.fixed(one, "blob", 32), one.number("size"), one.flag("is_executable")))
        return tuple(found)

    def structs(self, view: View, name: str, most: int) -> Sequence[tuple[Any, ...]]:
        size = view.size(name) or 0
        if size == 0:
            return ()
        if not view.are_structs_aligned(name):
            raise Refused("malformed", f"{name} not aligned")
        self.list(size, name, most)
        return view.structs(name)

    def number(self, value: int, name: str) -> int:
        """Milliseconds or a position: must fit 63 bits."""
        if value > limits.NUMBER_MAX:
            raise Refused("bad_value", f"{name} beyond 63 bits")
        return value

    def duration(self, ms: int, name: str) -> int:
        if ms > limits.TIMEOUT_MS:
            raise Refused("bad_value", f"{name} above 100 years")
        return ms

    def ref(self, values: Sequence[Any] | None) -> m.AttemptRef:
        if values is None:
            raise Refused("missing_field", "attempt is missing")
        ref = m.AttemptRef(*values[:4])
        if ref.job == 0 or ref.attempt == 0:
            raise Refused("missing_field", "an attempt without job or number")
        if ref.job > limits.NUMBER_MAX:
            raise Refused("bad_value", "job beyond 63 bits")
        return ref

    def resources(self, view: View | None) -> m.Resources:
        if view is None:
            return m.Resources()
        cpu, gpu = view.number("cpu"), view.number("gpu")
        if cpu > limits.CPU_MILLIS:
            raise Refused("bad_resources", f"cpu of {cpu} millicores, limit {limits.CPU_MILLIS}")
        if gpu > limits.GPUS:
            raise Refused("bad_resources", f"gpu of {gpu} devices, limit {limits.GPUS}")
        return m.Resources(cpu, view.number("memory"), gpu, view.number("storage"))

    def progress(self, value: float) -> float:
        if not 0.0 <= value <= 1.0:  # neither holds for NaN
            raise Refused("bad_progress", "progress must be within 0 to 1")
        return value

    def word(self, words: type[Word], value: int, name: str, *, but: Sequence[int] = ()) -> Word:
        if value in but or value not in words._value2member_map_:
            raise Refused("bad_enum", f"{name} {value}")
        return words(value)


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


# Work.


def _template(c: Checker, view: View) -> m.TaskTemplate:
    # To run a task against another store than the one it names would be worse than to refuse it.
    if view.number("storage_backend") != StorageType.LOCAL:
        raise Refused("bad_enum", "storage_backend is not Local")
    agent_type = c.word(AgentType, view.number("agent_type"), "agent_type")
    resources = c.resources(view.child("resources"))
    timeout_ms, kill_grace_ms = _timeout(c, view)
    if view.number("array_step") == 0 or view.number("array_size") == 0:
        raise Refused("bad_value", "array step or size 0")
    return m.TaskTemplate(
        agent_type=agent_type,
        resources=resources,
        timeout_ms=timeout_ms,
        kill_grace_ms=kill_grace_ms,
        is_array=view.flag("is_array"),
        array_first=view.number("array_first"),
        array_step=view.number("array_step"),
        array_size=view.number("array_size"),
        job_name=c.text(view, "job_name", limits.NAME),
        task_name=c.text(view, "task_name", limits.NAME),
        driver=c.text(view, "driver", limits.NAME, required=True),
        command=c.texts(view, "command", limits.ARGUMENTS, limits.TEMPLATE_BYTES),
        env=c.named_texts(view, "env", limits.ENVIRONMENT, limits.TEMPLATE_BYTES, limits.TEMPLATE_BYTES),
        workdir=c.text(view, "workdir", limits.TEXT),
        submit_boot_id=c.text(view, "submit_boot_id", limits.NAME),
        workdir_inode=view.number("workdir_inode"),
        own_directory=view.flag("own_directory"),
        checkpoint=view.flag("checkpoint"),
        inputs=c.blob(view, "inputs"),
        needs_inputs=c.blob(view, "needs_inputs"),
        outputs=c.texts(view, "outputs", limits.PATTERNS, limits.TEXT),
    )


def _timeout(c: Checker, view: View) -> tuple[int, int]:
    seconds = view.number("timeout")
    if seconds > limits.TIMEOUT_MS // 1000:
        raise Refused("bad_value", "timeout above 100 years")
    ms = c.duration(view.number("timeout_ms") or seconds * 1000, "timeout_ms")
    if (ms + 999) // 1000 != seconds:
        raise Refused("bad_value", "timeout and timeout_ms contradict each other")
    return ms, c.duration(view.number("kill_grace_ms"), "kill_grace_ms")


def _task_assignment(c: Checker, view: View) -> m.AssignmentList:
    ref = c.ref(view.struct("attempt"))
    return m.AssignmentList((_template(c, view),), (m.Assignment(ref),))


def _assignment_list(c: Checker, view: View) -> m.AssignmentList:
    records = c.structs(view, "items", limits.LIST_ITEMS)
    c.list(view.size("templates") or 0, "templates", len(records))
    templates = tuple(_template(c, one) for one in view.children("templates"))
    items = []
    for record in records:
        if record[4] >= len(templates):
            raise Refused("bad_value", f"template {record[4]} of {len(templates)}")
        items.append(m.Assignment(c.ref(record), record[4]))
    return m.AssignmentList(templates, tuple(items), _assigned_extras(c, view, len(items)))


def _assigned_extras(c: Checker, view: View, count: int) -> Sequence[m.AssignedExtra]:
    c.list(view.size("extras") or 0, "extras", count)
    found: list[m.AssignedExtra] = []
    lowest = 0
    for one in view.children("extras"):
        index = one.number("index")
        if not lowest <= index < count:
            raise Refused("bad_value", f"extra of assignment {index}")
        lowest = index + 1
        found.append(
            m.AssignedExtra(
                index=index,
                is_batch=one.flag("is_batch"),
                token=c.text(one, "token", limits.TOKEN),
                item=c.text(one, "item", limits.ITEM),
                values=c.named_texts(one, "values", limits.VALUES, limits.NAME, limits.ITEM),
                files=c.files(one, "files"),
                checkpoint=c.blob(one, "checkpoint"),
            )
        )
    return tuple(found)


def _metrics(c: Checker, view: View) -> Sequence[m.Metric]:
    c.list(view.size("metrics") or 0, "metrics", limits.METRICS)
    found = []
    for one in view.children("metrics"):
        name = c.text(one, "name", limits.NAME, required=True)
        if not math.isfinite(one.real("value")):
            raise Refused("bad_value", f"metric {name} is not finite")
        found.append(m.Metric(name, one.real("value"), one.number("step")))
    return tuple(found)


def _update(c: Checker, ref: Sequence[Any] | None, fields: Sequence[Any]) -> dict[str, Any]:
    """`fields`: started_ms, ended_ms, number, exit_code, progress, status, reason, signal, as UpdateRecord has them."""
    started_ms, ended_ms, number, exit_code, progress, status, reason, signal = fields
    return {
        "ref": c.ref(ref),
        "started_ms": c.number(started_ms, "started_ms"),
        "ended_ms": c.number(ended_ms, "ended_ms"),
        "progress": c.progress(progress),
        "status": c.word(TaskStatus, status, "status"),
        "reason": c.word(EndReason, reason, "reason"),
        "number": number,
        "exit_code": exit_code,
        "signal": signal,
    }


def _update_extra(c: Checker, view: View) -> dict[str, Any]:
    # A receipt is checked for its size; nothing reads it yet.
    if (view.size("receipt") or 0) > limits.RECEIPT:
        raise Refused("bad_size", "receipt above its limit")
    return {
        "metrics": _metrics(c, view),
        "detail": c.text(view, "detail", limits.TEXT),
        "outputs": c.files(view, "outputs"),
        "result": c.text(view, "result", limits.RESULT),
    }


def _status_update(c: Checker, view: View) -> m.UpdateList:
    numbers = [view.number(name) for name in ("started_ms", "ended_ms", "number", "exit_code")]
    fields = _update(
        c, view.struct("attempt"), [*numbers, view.real("progress"), *(view.number(name) for name in ("status", "reason", "signal"))]
    )
    return m.UpdateList((m.StatusUpdate(**fields, **_update_extra(c, view)),))


def _update_list(c: Checker, view: View) -> m.UpdateList:
    fields = [_update(c, record, record[4:]) for record in c.structs(view, "records", limits.LIST_ITEMS)]
    lowest = 0
    for one in view.children("extras"):
        index = one.number("index")
        if not lowest <= index < len(fields):
            raise Refused("bad_value", f"extra of update {index}")
        lowest = index + 1
        fields[index].update(_update_extra(c, one))
    return m.UpdateList(tuple(m.StatusUpdate(**one) for one in fields))


def _status_ack(c: Checker, view: View) -> m.StatusAck:
    return m.StatusAck(tuple(m.UpdateKey(c.ref(record), record[4]) for record in c.structs(view, "items", limits.LIST_ITEMS)))


def _cancel(c: Checker, view: View) -> m.Cancel:
    items = []
    for record in c.structs(view, "items", limits.LIST_ITEMS):
        ref, mode = c.ref(record), c.word(CancelMode, record[4], "mode", but=(CancelMode.NONE,))
        if record[5] not in (EndReason.CANCELLED, EndReason.SUPERSEDED):
            raise Refused("bad_enum", f"reason {record[5]}")
        items.append(m.CancelItem(ref, mode, EndReason(record[5])))
    return m.Cancel(tuple(items))


def _stream(c: Checker, value: int) -> LogStream:
    return c.word(LogStream, value, "stream", but=(LogStream.NONE,))


def _log_chunk(c: Checker, view: View) -> m.LogChunk:
    offset = c.number(view.number("offset"), "offset")
    ref, stream = c.ref(view.struct("attempt")), _stream(c, view.number("stream"))
    return m.LogChunk(ref, stream, offset, c.sized(view, "bytes", 1, limits.LOG_CHUNK))


def _credit(c: Checker, view: View) -> m.Credit:
    records = c.structs(view, "log_acks", limits.LIST_ITEMS)
    acks = tuple(m.LogAck(c.ref(record), _stream(c, record[5]), record[4]) for record in records)
    return m.Credit(view.number("log_chunks"), view.number("reports"), acks)


# The session.


def _agent_info(c: Checker, view: View) -> m.AgentInfo:
    c.list(view.size("types") or 0, "types", limits.AGENT_TYPES)
    types = tuple(c.word(AgentType, value, "type") for value in view.numbers("types"))
    return m.AgentInfo(
        types=types,
        window=view.number("window"),
        name=c.text(view, "name", limits.NAME, required=True),
        version=c.text(view, "version", limits.NAME),
        resources=c.resources(view.child("resources")),
        labels=c.named_texts(view, "labels", limits.INFO_ITEMS, limits.NAME, limits.TEXT),
        drivers=c.texts(view, "drivers", limits.INFO_ITEMS, limits.TEXT),
        notes=c.texts(view, "notes", limits.INFO_ITEMS, limits.TEXT),
        shared_paths=c.texts(view, "shared_paths", limits.INFO_ITEMS, limits.TEXT),
        boot_id=c.text(view, "boot_id", limits.NAME),
        host=c.text(view, "host", limits.NAME),
    )


def _resume(c: Checker, view: View) -> m.Resume:
    info = view.child("info")
    if info is None:
        raise Refused("missing_field", "info is missing")
    decoded = _agent_info(c, info)
    held = []
    for record in c.structs(view, "held", limits.HELD_ITEMS):
        ref = c.ref(record)
        held.append(m.HeldAttempt(ref, c.word(TaskStatus, record[7], "status"), record[6], record[4], record[5]))
    return m.Resume(decoded, tuple(held))


def _reconcile(c: Checker, view: View) -> m.Reconcile:
    items = []
    for record in c.structs(view, "items", limits.HELD_ITEMS):
        ref = c.ref(record)
        items.append(m.AttemptVerdict(ref, c.word(Verdict, record[7], "verdict", but=(Verdict.NONE,)), record[6], record[4], record[5]))
    return m.Reconcile(tuple(items))


def _heartbeat(c: Checker, view: View) -> m.Heartbeat:
    return m.Heartbeat(c.number(view.number("clock_boot_ns"), "clock_boot_ns"), view.number("running"))


def _heartbeat_ack(c: Checker, view: View) -> m.HeartbeatAck:
    return m.HeartbeatAck(*(c.number(view.number(name), name) for name in ("clock_boot_ns", "received_ms")))


def _error(c: Checker, view: View) -> m.Error:
    code = c.text(view, "code", limits.NAME, required=True)
    return m.Error(code, c.text(view, "detail", limits.TEXT), view.number("measured_ms"), view.number("limit_ms"))


def _close(c: Checker, view: View) -> m.Close:
    return m.Close(c.word(CloseReason, view.number("reason"), "reason"), c.text(view, "detail", limits.TEXT))


def _hello(c: Checker, view: View) -> m.Hello:
    if view.number("version_min") > view.number("version_max"):
        raise Refused("bad_value", "version_min above version_max")
    return m.Hello(
        agent=view.number("agent"),
        connect=view.number("connect"),
        version_min=view.number("version_min"),
        version_max=view.number("version_max"),
        features=view.number("features"),
        nonce=c.fixed(view, "nonce", 32),
        instance=c.fixed(view, "instance", 16),
        boot=c.fixed(view, "boot", 16),
        clock_boot_ns=c.number(view.number("clock_boot_ns"), "clock_boot_ns"),
    )


def _hello_ack(c: Checker, view: View) -> m.HelloAck:
    numbers = {name: view.number(name) for name in _HELLO_ACK_NUMBERS}
    if numbers["session"] == 0:
        raise Refused("missing_field", "session is missing")
    if not limits.BODY_LIMIT_MIN <= numbers["body_limit"] <= limits.BODY_LIMIT_MAX:
        raise Refused("bad_value", "body_limit")
    if not limits.HEARTBEAT_MS_MIN <= numbers["heartbeat_ms"] <= limits.HEARTBEAT_MS_MAX:
        raise Refused("bad_value", "heartbeat_ms")
    if numbers["tolerance_ms"] == 0:
        raise Refused("missing_field", "tolerance_ms is missing")
    return m.HelloAck(
        nonce=c.fixed(view, "nonce", 32),
        nonce_echo=c.fixed(view, "nonce_echo", 32),
        received_ms=c.number(view.number("received_ms"), "received_ms"),
        **numbers,
    )


_HELLO_ACK_NUMBERS = (
    "session",
    "version",
    "features",
    "body_limit",
    "heartbeat_ms",
    "tolerance_ms",
    "log_credit",
    "report_credit",
)

_DECODERS: dict[int, Callable[[Checker, View], m.Message]] = {
    SchedulerMessage.TASK_ASSIGNMENT: _task_assignment,
    SchedulerMessage.STATUS_UPDATE: _status_update,
    SchedulerMessage.HEARTBEAT: _heartbeat,
    SchedulerMessage.ASSIGNMENT_LIST: _assignment_list,
    SchedulerMessage.UPDATE_LIST: _update_list,
    SchedulerMessage.STATUS_ACK: _status_ack,
    SchedulerMessage.AGENT_INFO: _agent_info,
    SchedulerMessage.RESUME: _resume,
    SchedulerMessage.RECONCILE: _reconcile,
    SchedulerMessage.HEARTBEAT_ACK: _heartbeat_ack,
    SchedulerMessage.CANCEL: _cancel,
    SchedulerMessage.LOG_CHUNK: _log_chunk,
    SchedulerMessage.CREDIT: _credit,
    SchedulerMessage.ERROR: _error,
    SchedulerMessage.CLOSE: _close,
}
