"""Messages of every kind, drawn at random, and buffers that are nearly right: for tests of the protocol."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from stint_sdk.generated.wire_schema import (
    AgentType,
    CancelMode,
    CloseReason,
    DisconnectPolicy,
    EndReason,
    LogStream,
    SchedulerMessage,
    TaskStatus,
    Verdict,
)
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.encode import (
    Unsealed,
    encode_enrol,
    encode_enrol_ack,
    encode_hello,
    encode_hello_ack,
    encode_message,
    encode_reject,
    envelope,
)

TIMESTAMP = 1_793_000_000_123
TAG = bytes(range(32))
REF = m.AttemptRef(12, 0, 3, 1)
Draw = random.Random


def seal(unsealed: Unsealed, tag: bytes = TAG) -> bytes:
    """`body ‖ tag`, as a receiver has it."""
    return unsealed.stamp(TIMESTAMP, 77) + tag


def text(draw: Draw, most: int = 12) -> str:
    return "".join(draw.choice("abc/.é€😀 \udc80") for _ in range(draw.randrange(most + 1)))


def name(draw: Draw) -> str:
    return text(draw) or "x"


def ref(draw: Draw) -> m.AttemptRef:
    return m.AttemptRef(draw.randrange(1, 2**63), draw.randrange(2**32), draw.randrange(2**32), draw.randrange(1, 2**32))


def pairs(draw: Draw) -> m.Pairs:
    return tuple((name(draw), text(draw)) for _ in range(draw.randrange(3)))


def texts(draw: Draw) -> Sequence[str]:
    return tuple(text(draw) for _ in range(draw.randrange(3)))


def blob(draw: Draw) -> bytes:
    return draw.choice((b"", draw.randbytes(32)))


def files(draw: Draw) -> Sequence[m.FileRef]:
    return tuple(m.FileRef(name(draw), draw.randbytes(32), draw.randrange(2**64), draw.random() < 0.5) for _ in range(draw.randrange(3)))


def resources(draw: Draw) -> m.Resources:
    return draw.choice(
        (m.Resources(), m.Resources(draw.randrange(10**8 + 1), draw.randrange(2**32), draw.randrange(65_537), draw.randrange(2**32)))
    )


def update(draw: Draw) -> m.StatusUpdate:
    metrics = tuple(m.Metric(name(draw), draw.uniform(-1e9, 1e9), draw.randrange(2**64)) for _ in range(draw.randrange(3)))
    fixed = m.StatusUpdate(
        ref(draw),
        draw.randrange(2**32),
        draw.choice(list(TaskStatus)),
        draw.choice(list(EndReason)),
        draw.randrange(-(2**31), 2**31),
        draw.randrange(256),
        draw.randrange(2**63),
        draw.randrange(2**63),
        draw.choice((0.0, 0.25, 1.0)),
    )
    if draw.random() < 0.5:
        return fixed
    return replace(fixed, metrics=metrics, detail=text(draw), outputs=files(draw), result=text(draw))


def template(draw: Draw) -> m.TaskTemplate:
    return m.TaskTemplate(
        driver=name(draw),
        job_name=text(draw),
        task_name=text(draw),
        agent_type=draw.choice(list(AgentType)),
        command=texts(draw),
        env=pairs(draw),
        workdir=text(draw),
        submit_boot_id=text(draw),
        workdir_inode=draw.randrange(2**64),
        resources=resources(draw),
        timeout_ms=draw.choice((0, 1, 999, 1000, draw.randrange(10**9))),
        kill_grace_ms=draw.randrange(10**6),
        is_array=draw.random() < 0.5,
        array_first=draw.randrange(2**32),
        array_step=draw.randrange(1, 2**32),
        array_size=draw.randrange(1, 2**32),
        inputs=blob(draw),
        needs_inputs=blob(draw),
        outputs=texts(draw),
        own_directory=draw.random() < 0.5,
        checkpoint=draw.random() < 0.5,
        **draw.choice(
            ({}, {"on_disconnect": DisconnectPolicy.STOP_AFTER, "stop_after_ms": 5000}, {"on_disconnect": DisconnectPolicy.REPLACE})
        ),
    )


def assignments(draw: Draw) -> m.AssignmentList:
    confirmed = tuple(ref(draw) for _ in range(draw.randrange(4)))
    if draw.random() < 0.2:
        return m.AssignmentList(confirmed=confirmed)
    templates = tuple(template(draw) for _ in range(draw.randrange(1, 3)))
    items = tuple(m.Assignment(ref(draw), at) for at in range(len(templates)))
    extras = tuple(
        m.AssignedExtra(at, text(draw), text(draw, 40), draw.random() < 0.5, pairs(draw), files(draw), blob(draw))
        for at in range(len(items))
        if draw.random() < 0.7
    )
    return m.AssignmentList(templates, items, extras, draw.random() < 0.5, draw.choice(((), confirmed)))


def info(draw: Draw) -> m.AgentInfo:
    types = tuple(draw.sample(list(AgentType), draw.randrange(6)))
    rest = (texts(draw), texts(draw), texts(draw), text(draw), text(draw))
    room = (draw.randrange(2**32), draw.randrange(2**32))
    return m.AgentInfo(name(draw), text(draw), types, resources(draw), pairs(draw), *rest, *room, draw.random() < 0.5)


def message(draw: Draw) -> m.Message:
    count = draw.randrange(4)
    makers = (
        lambda: assignments(draw),
        lambda: m.UpdateList(tuple(update(draw) for _ in range(count + 1))),
        lambda: m.StatusAck(tuple(m.UpdateKey(ref(draw), draw.randrange(2**32)) for _ in range(count))),
        lambda: info(draw),
        lambda: m.Resume(info(draw), tuple(m.HeldAttempt(ref(draw), draw.choice(list(TaskStatus)), 3, 2**40, 2**63) for _ in range(count))),
        lambda: m.Reconcile(tuple(m.AttemptVerdict(ref(draw), draw.choice(list(Verdict)[1:]), 1, 2**64 - 1, 0) for _ in range(count))),
        lambda: m.Heartbeat(draw.randrange(1, 2**63), draw.randrange(2**32)),
        lambda: m.HeartbeatAck(draw.randrange(2**63), draw.randrange(2**63)),
        lambda: m.Cancel(
            tuple(
                m.CancelItem(
                    ref(draw), draw.choice(list(CancelMode)[1:]), draw.choice((EndReason.CANCELLED, EndReason.SUPERSEDED))
                )
                for _ in range(count)
            )
        ),
        lambda: m.LogChunk(ref(draw), draw.choice(list(LogStream)[1:]), draw.randrange(2**63), draw.randbytes(draw.randrange(1, 300))),
        lambda: m.Credit(draw.randrange(2**32), 7, tuple(m.LogAck(ref(draw), LogStream.ERR, draw.randrange(2**64)) for _ in range(count))),
        lambda: m.Error(name(draw), text(draw), draw.randrange(-(2**63), 2**63), draw.randrange(-(2**63), 2**63)),
        lambda: m.Close(draw.choice(list(CloseReason)), text(draw)),
        lambda: m.Rekey(draw.randrange(1, 2**16), draw.randrange(2**32), draw.randbytes(32), draw.randbytes(48)),
        lambda: m.CellPins(tuple(draw.randbytes(32) for _ in range(count + 1))),
    )
    return draw.choice(makers)()


def data_buffer(draw: Draw) -> bytes:
    return seal(encode_message(message(draw))[0])


def handshake_buffers(draw: Draw) -> dict[str, bytes]:
    hello = m.Hello(7, draw.randbytes(32), draw.randbytes(16), draw.randbytes(16), draw.randrange(2**64), draw.randrange(2**63), 1, 3, 5)
    ack = m.HelloAck(9, draw.randbytes(32), draw.randbytes(32), 5, 1, 0, 2**21, 30_000, 5_000, 16, 256)
    return {
        "hello": seal(encode_hello(hello)),
        "hello_ack": seal(encode_hello_ack(ack)),
        "reject": seal(encode_reject(m.Reject("unauthenticated", "x"))),
        **enrolment_buffers(draw),
    }


def enrolment_buffers(draw: Draw) -> dict[str, bytes]:
    parts = [draw.randbytes(size) for size in (32, 32, 64, 32)]
    enrol = m.Enrol(draw.randrange(1, 2**64), parts[0], parts[1], parts[2], parts[3], 1, 2, text(draw), text(draw))
    refused = m.EnrolAck(5, draw.randbytes(32), draw.randbytes(32), 1, "token_used", text(draw))
    good = m.EnrolAck(5, draw.randbytes(32), draw.randbytes(32), 1, "", "", draw.randrange(1, 2**64), 7, 3, draw.randbytes(48), name(draw))
    return {"enrol": seal(encode_enrol(enrol)), "enrol_ack": seal(encode_enrol_ack(draw.choice((refused, good))))}


def single_messages() -> dict[str, bytes]:
    """The seed's TaskAssignment and StatusUpdate, which this package reads and never writes."""
    assignment = {"attempt": REF, "driver": b"noop", "timeout": 2, "timeout_ms": 1500, "command": [b"a", b""]}
    status = {
        "attempt": REF,
        "number": 1,
        "status": TaskStatus.RUNNING,
        "progress": 0.5,
        "detail": b"x",
        "metrics": [{"name": b"m", "value": 1.5}],
    }
    return {
        "assignment": seal(envelope(SchedulerMessage.TASK_ASSIGNMENT, assignment)),
        "status": seal(envelope(SchedulerMessage.STATUS_UPDATE, status)),
    }


INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    31,
    32,
    33,
    64,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFC,
    0xFFFFFFFF,
)


def mutate(draw: Draw, buffer: bytes, others: Sequence[bytes]) -> bytes:
    """One to four small changes; the length stays a multiple of 8, as a frame's is."""
    data = bytearray(buffer)
    for _ in range(draw.randrange(1, 5)):
        kind, at = draw.randrange(7), draw.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.randrange(256)
        elif kind == 2:
            at &= ~3
            data[at : at + 4] = draw.choice(INTERESTING).to_bytes(4, "little")
        elif kind == 3:
            at &= ~1
            data[at : at + 2] = (draw.choice(INTERESTING) & 0xFFFF).to_bytes(2, "little")
        elif kind == 4 and len(data) > 48:
            del data[-8 * draw.randrange(1, (len(data) - 40) // 8 + 1) :]
        elif kind == 5:
            at &= ~3
            nearby = max(0, int.from_bytes(data[at : at + 4], "little") + draw.randrange(-8, 9))
            data[at : at + 4] = (nearby & 0xFFFFFFFF).to_bytes(4, "little")
        else:
            other = draw.choice(others)
            begin = draw.randrange(len(other)) & ~3
            piece = other[begin : begin + draw.randrange(4, 65)]
            data[at & ~3 : (at & ~3) + len(piece)] = piece
    return bytes(data[: len(data) // 8 * 8])
