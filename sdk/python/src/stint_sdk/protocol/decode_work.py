"""Work and its state: schema/scheduler.fbs. In the order of the C++ implementation, so that both name the same first thing wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from stint_sdk._flat import View
from stint_sdk.generated.wire_schema import AgentType, CancelMode, DisconnectPolicy, EndReason, LogStream, StorageType, TaskStatus
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Checker, Refused


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
        **_disconnect(c, view),
    )


def _disconnect(c: Checker, view: View) -> dict[str, Any]:
    policy = c.word(DisconnectPolicy, view.number("on_disconnect"), "on_disconnect")
    if view.number("stop_after_ms") and policy != DisconnectPolicy.STOP_AFTER:
        raise Refused("bad_value", "stop_after_ms without StopAfter")
    return {"on_disconnect": policy, "stop_after_ms": c.duration(view.number("stop_after_ms"), "stop_after_ms")}


def _timeout(c: Checker, view: View) -> tuple[int, int]:
    seconds = view.number("timeout")
    if seconds > limits.TIMEOUT_MS // 1000:
        raise Refused("bad_value", "timeout above 100 years")
    ms = c.duration(view.number("timeout_ms") or seconds * 1000, "timeout_ms")
    if (ms + 999) // 1000 != seconds:
        raise Refused("bad_value", "timeout and timeout_ms contradict each other")
    return ms, c.duration(view.number("kill_grace_ms"), "kill_grace_ms")


def task_assignment(c: Checker, view: View) -> m.AssignmentList:
    ref = c.ref(view.struct("attempt"))
    return m.AssignmentList((_template(c, view),), (m.Assignment(ref),))


def assignment_list(c: Checker, view: View) -> m.AssignmentList:
    records = c.structs(view, "items", limits.LIST_ITEMS)
    c.list(view.size("templates") or 0, "templates", len(records))
    templates = tuple(_template(c, one) for one in view.children("templates"))
    items = []
    for record in records:
        if record[4] >= len(templates):
            raise Refused("bad_value", f"template {record[4]} of {len(templates)}")
        items.append(m.Assignment(c.ref(record), record[4]))
    extras = _assigned_extras(c, view, len(items))
    confirmed = tuple(c.ref(record) for record in c.structs(view, "confirmed", limits.LIST_ITEMS))
    return m.AssignmentList(templates, tuple(items), extras, view.flag("provisional"), confirmed)


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


def status_update(c: Checker, view: View) -> m.UpdateList:
    numbers = [view.number(name) for name in ("started_ms", "ended_ms", "number", "exit_code")]
    fields = _update(
        c, view.struct("attempt"), [*numbers, view.real("progress"), *(view.number(name) for name in ("status", "reason", "signal"))]
    )
    return m.UpdateList((m.StatusUpdate(**fields, **_update_extra(c, view)),))


def update_list(c: Checker, view: View) -> m.UpdateList:
    fields = [_update(c, record, record[4:]) for record in c.structs(view, "records", limits.LIST_ITEMS)]
    lowest = 0
    for one in view.children("extras"):
        index = one.number("index")
        if not lowest <= index < len(fields):
            raise Refused("bad_value", f"extra of update {index}")
        lowest = index + 1
        fields[index].update(_update_extra(c, one))
    return m.UpdateList(tuple(m.StatusUpdate(**one) for one in fields))


def status_ack(c: Checker, view: View) -> m.StatusAck:
    return m.StatusAck(tuple(m.UpdateKey(c.ref(record), record[4]) for record in c.structs(view, "items", limits.LIST_ITEMS)))


def cancel(c: Checker, view: View) -> m.Cancel:
    items = []
    for record in c.structs(view, "items", limits.LIST_ITEMS):
        ref, mode = c.ref(record), c.word(CancelMode, record[4], "mode", but=(CancelMode.NONE,))
        if record[5] not in (EndReason.CANCELLED, EndReason.SUPERSEDED):
            raise Refused("bad_enum", f"reason {record[5]}")
        items.append(m.CancelItem(ref, mode, EndReason(record[5])))
    return m.Cancel(tuple(items))


def _stream(c: Checker, value: int) -> LogStream:
    return c.word(LogStream, value, "stream", but=(LogStream.NONE,))


def log_chunk(c: Checker, view: View) -> m.LogChunk:
    offset = c.number(view.number("offset"), "offset")
    ref, stream = c.ref(view.struct("attempt")), _stream(c, view.number("stream"))
    return m.LogChunk(ref, stream, offset, c.sized(view, "bytes", 1, limits.LOG_CHUNK))


def credit(c: Checker, view: View) -> m.Credit:
    records = c.structs(view, "log_acks", limits.LIST_ITEMS)
    acks = tuple(m.LogAck(c.ref(record), _stream(c, record[5]), record[4]) for record in records)
    return m.Credit(view.number("log_chunks"), view.number("reports"), acks)
