"""The session itself: schema/session.fbs. In the order of the C++ implementation, so that both name the same first thing wrong."""

from __future__ import annotations

from stint_sdk._flat import View
from stint_sdk.generated.wire_schema import AgentType, CloseReason, TaskStatus, Verdict
from stint_sdk.protocol import limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Checker, Refused

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


def agent_info(c: Checker, view: View) -> m.AgentInfo:
    c.list(view.size("types") or 0, "types", limits.AGENT_TYPES)
    types = tuple(c.word(AgentType, value, "type") for value in view.numbers("types"))
    return m.AgentInfo(
        types=types,
        window=view.number("window"),
        prefetch=view.number("prefetch"),
        knows_provisional=view.flag("provisional"),
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


def resume(c: Checker, view: View) -> m.Resume:
    info = view.child("info")
    if info is None:
        raise Refused("missing_field", "info is missing")
    decoded = agent_info(c, info)
    held = []
    for record in c.structs(view, "held", limits.HELD_ITEMS):
        ref = c.ref(record)
        held.append(m.HeldAttempt(ref, c.word(TaskStatus, record[7], "status"), record[6], record[4], record[5]))
    return m.Resume(decoded, tuple(held))


def reconcile(c: Checker, view: View) -> m.Reconcile:
    items = []
    for record in c.structs(view, "items", limits.HELD_ITEMS):
        ref = c.ref(record)
        items.append(m.AttemptVerdict(ref, c.word(Verdict, record[7], "verdict", but=(Verdict.NONE,)), record[6], record[4], record[5]))
    return m.Reconcile(tuple(items))


def heartbeat(c: Checker, view: View) -> m.Heartbeat:
    return m.Heartbeat(c.number(view.number("clock_boot_ns"), "clock_boot_ns"), view.number("running"))


def heartbeat_ack(c: Checker, view: View) -> m.HeartbeatAck:
    return m.HeartbeatAck(*(c.number(view.number(name), name) for name in ("clock_boot_ns", "received_ms")))


def error(c: Checker, view: View) -> m.Error:
    code = c.text(view, "code", limits.NAME, required=True)
    return m.Error(code, c.text(view, "detail", limits.TEXT), view.number("measured_ms"), view.number("limit_ms"))


def close(c: Checker, view: View) -> m.Close:
    return m.Close(c.word(CloseReason, view.number("reason"), "reason"), c.text(view, "detail", limits.TEXT))


def hello(c: Checker, view: View) -> m.Hello:
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


def hello_ack(c: Checker, view: View) -> m.HelloAck:
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
