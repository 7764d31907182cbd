"""Messages to buffers that lack only their time: what an agent says, and for tests what a scheduler says.

Two sender forms: with the signature vector as the buffer's last 32 bytes, over which the frame's tag comes to lie; or without one, the tag
behind the buffer. A Heartbeat and REJECT take the second.
Errors: Refused with the code `unsendable`.
Source: docs/protocol.md "The tag is the envelope's signature", "Limits".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stint_sdk._flat_writer import LATER, Writer
from stint_sdk.generated.wire_schema import SCHEMA, SchedulerMessage
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.wire import ALIGNMENT, TAG_SIZE

Table = dict[str, Any]
TO_BE_STAMPED = 1  # 0 would be left out of the buffer
U64 = struct.Struct("<Q")

# Generous: alignment, vtable and length of a table or text.
TABLE_BOUND = 64
TEXT_BOUND = 16
RECORD_SIZE = 56


@dataclass
class Unsealed:
    """A body that still lacks its time. clock_at: of a Heartbeat's clock_boot_ns, 0: none."""

    body: bytearray
    timestamp_at: int
    clock_at: int = 0

    def stamp(self, timestamp_ms: int, clock_boot_ns: int) -> bytes:
        U64.pack_into(self.body, self.timestamp_at, max(1, timestamp_ms))
        if self.clock_at:
            U64.pack_into(self.body, self.clock_at, clock_boot_ns)
        return bytes(self.body)


def envelope(kind: SchedulerMessage, value: Mapping[str, Any], *, signature_last: bool = True) -> Unsealed:
    """Any member of the union, from its table's values."""
    writer = Writer(SCHEMA)
    values: Table = {"timestamp": TO_BE_STAMPED, "message_type": kind, "message": (int(kind), value)}
    if signature_last:
        values["signature"] = LATER
    writer.write_root("MessageEnvelope", values)
    writer.write_vtables()
    if signature_last:
        writer.write_last_vector(TAG_SIZE, writer.places["later"], ALIGNMENT)
        del writer.data[-TAG_SIZE:]  # the frame's tag takes their place
    else:
        writer.data += bytes(-len(writer.data) % ALIGNMENT)
    return Unsealed(writer.data, writer.places["MessageEnvelope.timestamp"], writer.places.get("Heartbeat.clock_boot_ns", 0))


def encode_hello(hello: m.Hello) -> Unsealed:
    return envelope(SchedulerMessage.HELLO, dict(vars(hello)))


def encode_hello_ack(ack: m.HelloAck) -> Unsealed:
    return envelope(SchedulerMessage.HELLO_ACK, dict(vars(ack)))


def encode_reject(reject: m.Reject) -> Unsealed:
    values = {"code": cut(reject.code, limits.NAME), "detail": cut(reject.detail, limits.NAME)}
    return envelope(SchedulerMessage.REJECT, values, signature_last=False)


def encode_enrol(enrol: m.Enrol) -> Unsealed:
    texts = {"name": cut(enrol.name, limits.NAME), "host": cut(enrol.host, limits.NAME)}
    return envelope(SchedulerMessage.ENROL, {**vars(enrol), **texts})


def encode_enrol_ack(ack: m.EnrolAck) -> Unsealed:
    texts = {"code": raw_of(ack.code), "detail": raw_of(ack.detail), "name": raw_of(ack.name)}
    return envelope(SchedulerMessage.ENROL_ACK, {**vars(ack), **texts})


def encode_message(message: m.Message) -> list[Unsealed]:
    """One buffer, or several where a list is longer than a frame may be. Details that are too long are cut."""
    return _ENCODERS[type(message)](message)


def raw_of(text: str) -> bytes:
    """Surrogates that stand for no byte, as JSON may have them, become question marks."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def cut(text: str, limit: int) -> bytes:
    """At the border of a character."""
    raw = raw_of(text)
    if len(raw) <= limit:
        return raw
    while limit > 0 and raw[limit] & 0xC0 == 0x80:
        limit -= 1
    return raw[:limit]


def _fits(what: str, size: int, limit: int, unit: str = "bytes") -> None:
    if size > limit:
        raise Refused("unsendable", f"{what} of {size} {unit}, limit {limit}")


def _text(what: str, text: str, limit: int) -> bytes:
    raw = raw_of(text)
    _fits(what, len(raw), limit)
    return raw


def _texts(what: str, texts: Sequence[str], most: int, limit: int) -> list[bytes]:
    _fits(what, len(texts), most, "items")
    return [_text(what, text, limit) for text in texts]


def _pairs(what: str, pairs: m.Pairs, most: int, name_limit: int, value_limit: int) -> list[Table]:
    _fits(what, len(pairs), most, "items")
    if any(not name for name, _ in pairs):
        raise Refused("unsendable", f"{what}: an entry without a name")
    return [{"name": _text(what, name, name_limit), "value": _text(what, value, value_limit)} for name, value in pairs]


def _files(what: str, files: Sequence[m.FileRef]) -> list[Table]:
    _fits(what, len(files), limits.FILES, "items")
    if any(not file.path for file in files):
        raise Refused("unsendable", f"{what}: a file without a path")
    _fits(f"the list of {len(files)} {what}", files_bound(files), limits.FILES_BYTES)
    return [
        {"path": _text(what, file.path, limits.TEXT), "blob": file.blob, "size": file.size, "is_executable": file.is_executable}
        for file in files
    ]


def files_bound(files: Sequence[m.FileRef]) -> int:
    return sum(2 * TABLE_BOUND + len(raw_of(file.path)) + TEXT_BOUND for file in files)


def _resources(value: m.Resources) -> Table:
    u32 = 2**32 - 1
    return {
        "cpu": min(value.cpu_millis, limits.CPU_MILLIS),
        "memory": min(value.memory_mb, u32),
        "gpu": min(value.gpus, limits.GPUS),
        "storage": min(value.storage_gb, u32),
    }


# What an agent says.


def _info(info: m.AgentInfo) -> Table:
    if not info.name:
        raise Refused("unsendable", "an agent without a name")
    return {
        "name": _text("name", info.name, limits.NAME),
        "version": _text("version", info.version, limits.NAME),
        "types": list(info.types),
        "resources": _resources(info.resources),
        "labels": _pairs("labels", info.labels, limits.INFO_ITEMS, limits.NAME, limits.TEXT),
        "drivers": _texts("drivers", info.drivers, limits.INFO_ITEMS, limits.TEXT),
        "notes": _texts("notes", info.notes, limits.INFO_ITEMS, limits.TEXT),
        "shared_paths": _texts("shared_paths", info.shared_paths, limits.INFO_ITEMS, limits.TEXT),
        "boot_id": _text("boot_id", info.boot_id, limits.NAME),
        "host": _text("host", info.host, limits.NAME),
        "window": info.window,
        "prefetch": info.prefetch,
        "provisional": info.knows_provisional,
    }


def _agent_info(info: m.AgentInfo) -> list[Unsealed]:
    return [envelope(SchedulerMessage.AGENT_INFO, _info(info))]


def _resume(resume: m.Resume) -> list[Unsealed]:
    _fits("held attempts", len(resume.held), limits.HELD_ITEMS, "items")
    held = [(*one.ref, one.stdout_bytes, one.stderr_bytes, one.last_update, one.status) for one in resume.held]
    return [envelope(SchedulerMessage.RESUME, {"info": _info(resume.info), "held": held})]


def check_update(update: m.StatusUpdate) -> None:
    """Whether an update with this result and these outputs can be sent: what an agent asks before it promises them. Errors: Refused."""
    _text("result", update.result, limits.RESULT)
    _files("outputs", update.outputs)


def update_bound(update: m.StatusUpdate) -> int:
    if not _has_extra(update):
        return RECORD_SIZE
    size = RECORD_SIZE + files_bound(update.outputs) + len(raw_of(update.result)) + TEXT_BOUND
    size += TABLE_BOUND + min(len(raw_of(update.detail)), limits.TEXT) + TEXT_BOUND
    return size + sum(TABLE_BOUND + min(len(raw_of(metric.name)), limits.NAME) + TEXT_BOUND for metric in update.metrics)


def _has_extra(update: m.StatusUpdate) -> bool:
    return bool(update.metrics or update.detail or update.outputs or update.result)


def _update_list(updates: m.UpdateList) -> list[Unsealed]:
    frames, part, size = [], list[m.StatusUpdate](), 0
    for update in updates.items:
        check_update(update)
        more = update_bound(update)
        if part and (len(part) == limits.LIST_ITEMS or size + more > limits.LIST_BYTES):
            frames.append(_updates_frame(part))
            part, size = [], 0
        part.append(update)
        size += more
    return [*frames, _updates_frame(part)] if part else frames


def _updates_frame(updates: Sequence[m.StatusUpdate]) -> Unsealed:
    records = [
        (
            *one.ref,
            one.started_ms,
            one.ended_ms,
            one.number,
            one.exit_code,
            min(max(one.progress, 0.0), 1.0) if math.isfinite(one.progress) else 0.0,
            one.status,
            one.reason,
            min(max(one.signal, 0), 255),
        )
        for one in updates
    ]
    extras = [_update_extra(index, one) for index, one in enumerate(updates) if _has_extra(one)]
    return envelope(SchedulerMessage.UPDATE_LIST, {"records": records, "extras": extras})


def _update_extra(index: int, update: m.StatusUpdate) -> Table:
    metrics = [metric for metric in update.metrics if metric.name and math.isfinite(metric.value)]
    return {
        "index": index,
        "metrics": [{"name": cut(one.name, limits.NAME), "value": one.value, "step": one.step} for one in metrics[: limits.METRICS]],
        "detail": cut(update.detail, limits.TEXT),
        "outputs": _files("outputs", update.outputs),
        "result": raw_of(update.result),
    }


def _log_chunk(chunk: m.LogChunk) -> list[Unsealed]:
    if not 1 <= len(chunk.bytes) <= limits.LOG_CHUNK:
        raise Refused("unsendable", f"log chunk of {len(chunk.bytes)} bytes, limit 1 to {limits.LOG_CHUNK}")
    values = {"attempt": chunk.ref, "stream": chunk.stream, "offset": chunk.offset, "bytes": chunk.bytes}
    return [envelope(SchedulerMessage.LOG_CHUNK, values)]


# What both say.


def _heartbeat(beat: m.Heartbeat) -> list[Unsealed]:
    values = {"clock_boot_ns": beat.clock_boot_ns or TO_BE_STAMPED, "running": beat.running}
    return [envelope(SchedulerMessage.HEARTBEAT, values, signature_last=False)]


def _heartbeat_ack(ack: m.HeartbeatAck) -> list[Unsealed]:
    return [envelope(SchedulerMessage.HEARTBEAT_ACK, dict(vars(ack)), signature_last=False)]


def _error(error: m.Error) -> list[Unsealed]:
    values = {
        "code": cut(error.code, limits.NAME),
        "detail": cut(error.detail, limits.TEXT),
        "measured_ms": error.measured_ms,
        "limit_ms": error.limit_ms,
    }
    return [envelope(SchedulerMessage.ERROR, values)]


def _close(close: m.Close) -> list[Unsealed]:
    return [envelope(SchedulerMessage.CLOSE, {"reason": close.reason, "detail": cut(close.detail, limits.TEXT)})]


# What a scheduler says: for tests and tools, which keep within a frame.


def template_values(task: m.TaskTemplate) -> Table:
    values = {
        name: getattr(task, name)
        for name in (
            "agent_type",
            "workdir_inode",
            "timeout_ms",
            "kill_grace_ms",
            "is_array",
            "array_first",
            "array_step",
            "array_size",
            "inputs",
            "needs_inputs",
            "own_directory",
            "checkpoint",
            "on_disconnect",
            "stop_after_ms",
        )
    }
    texts = {name: raw_of(getattr(task, name)) for name in ("job_name", "task_name", "driver", "workdir", "submit_boot_id")}
    return {
        **values,
        **texts,
        "resources": _resources(task.resources),
        "timeout": (task.timeout_ms + 999) // 1000,
        "command": [raw_of(word) for word in task.command],
        "env": [{"name": raw_of(name), "value": raw_of(value)} for name, value in task.env],
        "outputs": [raw_of(pattern) for pattern in task.outputs],
    }


def _assigned_extra(extra: m.AssignedExtra) -> Table:
    return {
        "index": extra.index,
        "token": raw_of(extra.token),
        "item": raw_of(extra.item),
        "is_batch": extra.is_batch,
        "values": _pairs("values", extra.values, limits.VALUES, limits.NAME, limits.ITEM),
        "files": _files("files", extra.files),
        "checkpoint": extra.checkpoint,
    }


def _assignment_list(assignments: m.AssignmentList) -> list[Unsealed]:
    values = {
        "templates": [template_values(task) for task in assignments.templates],
        "items": [(*item.ref, item.template_index) for item in assignments.items],
        "extras": [_assigned_extra(extra) for extra in assignments.extras],
        "provisional": assignments.is_provisional,
        "confirmed": list(assignments.confirmed),
    }
    return [envelope(SchedulerMessage.ASSIGNMENT_LIST, values)]


def _status_ack(ack: m.StatusAck) -> list[Unsealed]:
    return [envelope(SchedulerMessage.STATUS_ACK, {"items": [(*item.ref, item.number) for item in ack.items]})]


def _reconcile(reconcile: m.Reconcile) -> list[Unsealed]:
    items = [(*one.ref, one.stdout_acked, one.stderr_acked, one.acked_update, one.verdict) for one in reconcile.items]
    return [envelope(SchedulerMessage.RECONCILE, {"items": items})]


def _cancel(cancel: m.Cancel) -> list[Unsealed]:
    return [envelope(SchedulerMessage.CANCEL, {"items": [(*one.ref, one.mode, one.reason) for one in cancel.items]})]


def _credit(credit: m.Credit) -> list[Unsealed]:
    acks = [(*one.ref, one.acked, one.stream) for one in credit.log_acks]
    return [envelope(SchedulerMessage.CREDIT, {"log_chunks": credit.log_chunks, "reports": credit.reports, "log_acks": acks})]


def _rekey(rekey: m.Rekey) -> list[Unsealed]:
    return [envelope(SchedulerMessage.REKEY, dict(vars(rekey)))]


def _cell_pins(pins: m.CellPins) -> list[Unsealed]:
    return [envelope(SchedulerMessage.CELL_PINS, {"pins": b"".join(pins.pins)})]


_ENCODERS: dict[type, Callable[[Any], list[Unsealed]]] = {
    m.AgentInfo: _agent_info,
    m.Resume: _resume,
    m.UpdateList: _update_list,
    m.LogChunk: _log_chunk,
    m.Heartbeat: _heartbeat,
    m.HeartbeatAck: _heartbeat_ack,
    m.Error: _error,
    m.Close: _close,
    m.AssignmentList: _assignment_list,
    m.StatusAck: _status_ack,
    m.Reconcile: _reconcile,
    m.Cancel: _cancel,
    m.Credit: _credit,
    m.Rekey: _rekey,
    m.CellPins: _cell_pins,
}
