"""Messages there and back, and what a writer must keep."""

from __future__ import annotations

import random
import struct

import pytest
from conftest import ROOT
from protocol_samples import REF, TAG, TIMESTAMP, data_buffer, handshake_buffers, message, seal, single_messages

from stint_sdk._flat import Malformed, open_root
from stint_sdk._flat_writer import Writer
from stint_sdk.generated.wire_schema import SCHEMA, LogStream, SchedulerMessage, TaskStatus
from stint_sdk.protocol import decode, limits
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.protocol.encode import Unsealed, cut, encode_message, envelope


def read(buffer: bytes) -> m.Message:
    return decode.decode_message(decode.open_envelope(buffer))


def refusal(kind: SchedulerMessage, values: dict[str, object], **more: bool) -> str:
    try:
        read(seal(envelope(kind, values, **more)))
    except Refused as refused:
        return refused.code
    return "accept"


@pytest.mark.parametrize("seed", range(200))
def test_there_and_back(seed: int) -> None:
    sent = message(random.Random(seed))
    if isinstance(sent, m.Heartbeat):
        sent = m.Heartbeat(77, sent.running)  # stamped with the clock
    assert [read(seal(part)) for part in encode_message(sent)] == [sent]


def test_the_tag_is_the_last_thing_of_the_buffer() -> None:
    """Form A: body and tag are one envelope whose signature is the tag. Form B leaves the signature out."""
    first = encode_message(m.Close())[0]
    body = first.stamp(TIMESTAMP, 0)
    assert decode.open_envelope(body + TAG).root.raw("signature") == TAG
    second = encode_message(m.Heartbeat(1))[0]
    assert decode.open_envelope(second.stamp(TIMESTAMP, 5) + TAG).root.raw("signature") is None


def test_another_signature_is_refused() -> None:
    assert decode.open_envelope(with_signature(TAG)).timestamp_ms == 1
    for signature in (TAG[:31], TAG + b"\0", bytes(32)):
        with pytest.raises(Refused, match="bad_signature"):
            decode.open_envelope(with_signature(signature))


def with_signature(signature: bytes) -> bytes:
    """Somewhere in the buffer; the tag follows."""
    writer = Writer(SCHEMA)
    writer.write_root("MessageEnvelope", {"timestamp": 1, "message_type": 18, "message": (18, {}), "signature": signature})
    writer.write_vtables()
    writer.data += bytes(-len(writer.data) % 8)
    return bytes(writer.data) + TAG


def test_bodies_are_multiples_of_eight_and_start_with_a_time() -> None:
    draw = random.Random(5)
    for _ in range(300):
        unsealed = encode_message(message(draw))[0]
        assert len(unsealed.body) % 8 == 0 and unsealed.timestamp_at % 8 == 0
        assert decode.open_envelope(unsealed.stamp(TIMESTAMP, 0) + TAG).timestamp_ms == TIMESTAMP


def test_a_heartbeat_is_128_bytes_with_its_header_and_tag() -> None:
    beat = encode_message(m.Heartbeat(running=3))[0]
    assert len(beat.body) + 64 == 128
    assert read(beat.stamp(TIMESTAMP, 987) + TAG) == m.Heartbeat(987, 3)


def test_a_time_of_zero_or_beyond_63_bits_is_refused() -> None:
    for bad in (0, 2**63):
        unsealed = encode_message(m.Close())[0]
        struct.pack_into("<Q", unsealed.body, unsealed.timestamp_at, bad)
        with pytest.raises(Refused, match="bad_timestamp"):
            decode.open_envelope(bytes(unsealed.body) + TAG)


HANDSHAKE = (
    SchedulerMessage.HELLO,
    SchedulerMessage.HELLO_ACK,
    SchedulerMessage.REJECT,
    SchedulerMessage.ENROL,
    SchedulerMessage.ENROL_ACK,
)


def with_member(number: int, values: dict[str, object] | None) -> bytes:
    """An envelope of that union type, whose value has the shape of Close, or is not there."""
    writer = Writer(SCHEMA)
    union = SchedulerMessage.CLOSE
    message_ = None if values is None else (int(union), values)
    writer.write_root("MessageEnvelope", {"timestamp": 1, "message_type": number, "message": message_})
    writer.write_vtables()
    writer.data += bytes(-len(writer.data) % 8)
    return bytes(writer.data) + TAG


@pytest.mark.parametrize("number, value, code", [(200, {}, "unknown_message"), (0, {}, "unknown_message"), (200, None, "unknown_message")])
def test_an_unknown_member_passes_the_verifier(number: int, value: dict[str, object] | None, code: str) -> None:
    with pytest.raises(Refused, match=code):
        read(with_member(number, value))


@pytest.mark.parametrize("number", [int(kind) for kind in SchedulerMessage if kind])
def test_a_known_member_without_a_value_is_refused(number: int) -> None:
    is_handshake = number in HANDSHAKE
    with pytest.raises(Refused, match="wrong_direction" if is_handshake else "null_message"):
        read(with_member(number, None))


def test_lists_are_cut_at_a_frame() -> None:
    updates = m.UpdateList(tuple(m.StatusUpdate(REF, number, TaskStatus.RUNNING) for number in range(1, 2500)))
    parts = [read(seal(part)) for part in encode_message(updates)]
    assert [len(part.items) for part in parts if isinstance(part, m.UpdateList)] == [1024, 1024, 451]
    large = m.UpdateList(tuple(m.StatusUpdate(REF, number, result="x" * 65_536) for number in range(1, 40)))
    for part in encode_message(large):
        assert len(part.body) < 1024 * 1024 + 70_000


def test_what_cannot_be_sent_is_said() -> None:
    for message_, what in (
        (m.LogChunk(REF, LogStream.OUT, 0, b""), "log chunk of 0 bytes"),
        (m.LogChunk(REF, LogStream.OUT, 0, bytes(65_537)), "limit 1 to 65536"),
        (m.UpdateList((m.StatusUpdate(REF, 1, result="x" * 65_537),)), "result of 65537 bytes"),
        (m.AgentInfo(""), "without a name"),
        (m.AgentInfo("a", labels=(("", "b"),)), "without a name"),
        (m.Resume(m.AgentInfo("a"), tuple(m.HeldAttempt(REF) for _ in range(16_385))), "16385 items, limit 16384"),
    ):
        with pytest.raises(Refused, match=what) as caught:
            encode_message(message_)
        assert caught.value.code == "unsendable"


def test_what_a_task_says_never_makes_a_list_unsendable() -> None:
    odd = m.StatusUpdate(
        REF, 1, signal=300, progress=float("nan"), detail="é" * 5000, metrics=(m.Metric("", 1), m.Metric("a", float("inf")))
    )
    [part] = encode_message(m.UpdateList((odd,)))
    found = read(seal(part))
    assert isinstance(found, m.UpdateList)
    assert found.items[0].signal == 255 and found.items[0].progress == 0 and found.items[0].metrics == ()
    assert found.items[0].detail == "é" * 2048


def test_texts_are_cut_at_a_character() -> None:
    assert cut("aé", 2) == b"a" and cut("aé", 3) == "aé".encode() and cut("", 0) == b""


ATTEMPT = {"attempt": REF}


@pytest.mark.parametrize(
    "kind, values, code",
    [
        (SchedulerMessage.TASK_ASSIGNMENT, {"driver": b"x"}, "missing_field"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT}, "missing_field"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "timeout": 1}, "accept"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "timeout": 1, "timeout_ms": 1001}, "bad_value"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "array_step": 0}, "bad_value"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "storage_backend": 2}, "bad_enum"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x" * 257}, "text_too_long"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "resources": {"gpu": 65_537}}, "bad_resources"),
        (SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "inputs": bytes(31)}, "bad_size"),
        (SchedulerMessage.TASK_ASSIGNMENT, {"attempt": (0, 0, 0, 1), "driver": b"x"}, "missing_field"),
        (SchedulerMessage.TASK_ASSIGNMENT, {"attempt": (2**63, 0, 0, 1), "driver": b"x"}, "bad_value"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "progress": 1.5}, "bad_progress"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "progress": float("nan")}, "bad_progress"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "status": 5}, "bad_enum"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "receipt": bytes(16_385)}, "bad_size"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "metrics": [{"name": b"a", "value": float("inf")}]}, "bad_value"),
        (SchedulerMessage.STATUS_UPDATE, {**ATTEMPT, "metrics": [{"name": b"a"}] * 257}, "list_too_long"),
        (SchedulerMessage.CANCEL, {"items": [(*REF, 0, 6)]}, "bad_enum"),
        (SchedulerMessage.CANCEL, {"items": [(*REF, 1, 5)]}, "bad_enum"),
        (SchedulerMessage.CANCEL, {"items": [(*REF, 1, 6)] * 1025}, "list_too_long"),
        (SchedulerMessage.LOG_CHUNK, {**ATTEMPT, "stream": 1}, "bad_size"),
        (SchedulerMessage.LOG_CHUNK, {**ATTEMPT, "stream": 0, "bytes": b"a"}, "bad_enum"),
        (SchedulerMessage.CLOSE, {"reason": 9}, "bad_enum"),
        (SchedulerMessage.ERROR, {}, "missing_field"),
        (SchedulerMessage.RESUME, {}, "missing_field"),
        (SchedulerMessage.HELLO, {}, "wrong_direction"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"items": [(*REF, 0)]}, "bad_value"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"templates": [{"driver": b"x"}]}, "list_too_long"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"confirmed": [REF] * 1024, "provisional": True}, "accept"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"confirmed": [REF] * 1025}, "list_too_long"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"confirmed": [(0, 0, 0, 1)]}, "missing_field"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"confirmed": [(1, 0, 0, 0)]}, "missing_field"),
        (SchedulerMessage.ASSIGNMENT_LIST, {"confirmed": [(2**63, 0, 0, 1)]}, "bad_value"),
        (SchedulerMessage.UPDATE_LIST, {"extras": [{"index": 0}]}, "bad_value"),
    ],
)
def test_the_meaning_is_checked(kind: SchedulerMessage, values: dict[str, object], code: str) -> None:
    assert refusal(kind, values) == code
    assert refusal(kind, values, signature_last=False) == code


def test_many_references_to_one_text_cost_what_they_say() -> None:
    """A buffer of a few hundred kilobytes that stands for gigabytes is refused before they are made."""
    count, size = 16_000, 4000
    unsealed = envelope(SchedulerMessage.TASK_ASSIGNMENT, {**ATTEMPT, "driver": b"x", "command": [b"a" * size, *[b""] * count]})
    body = bytearray(unsealed.stamp(TIMESTAMP, 0))
    view = decode.open_envelope(bytes(body) + TAG).root.member("message")
    assert view is not None
    vector = view._follow("command")
    assert vector is not None
    first = vector + 4 + struct.unpack_from("<I", body, vector + 4)[0]
    for at in range(vector + 4, vector + 4 + 4 * (count + 1), 4):
        struct.pack_into("<I", body, at, first - at)
    with pytest.raises(Refused, match="text_too_long"):
        read(bytes(body) + TAG)


def test_tables_that_are_many_or_deep_are_malformed() -> None:
    labels = [{"name": b"a"}] * 200
    assert refusal(SchedulerMessage.AGENT_INFO, {"name": b"x", "labels": labels}) == "accept"
    draw = random.Random(1)
    buffer = data_buffer(draw)
    for tables, depth in ((1, 16), (64, 1)):
        with pytest.raises(Malformed):
            open_root(buffer, SCHEMA, depth, tables)


def test_single_messages_are_lists_of_one() -> None:
    found = read(single_messages()["assignment"])
    assert isinstance(found, m.AssignmentList)
    assert found.items == (m.Assignment(REF),) and found.templates[0].command == ("a", "") and found.templates[0].timeout_ms == 1500
    status = read(single_messages()["status"])
    assert isinstance(status, m.UpdateList) and status.items[0].metrics == (m.Metric("m", 1.5),)


def test_handshake_kinds_hold_one_member_each() -> None:
    buffers = handshake_buffers(random.Random(1))
    assert decode.decode_hello(decode.open_envelope(buffers["hello"])).version_max == 3
    assert decode.decode_hello_ack(decode.open_envelope(buffers["hello_ack"])).body_limit == 2**21
    assert decode.decode_reject(decode.open_envelope(buffers["reject"])).code == "unauthenticated"
    with pytest.raises(Refused, match="wrong_direction"):
        decode.decode_hello(decode.open_envelope(buffers["hello_ack"]))


def test_every_limit_is_the_documents() -> None:
    text = (ROOT / "docs/protocol.md").read_text()
    for value in (
        limits.LIST_ITEMS,
        limits.HELD_ITEMS,
        limits.ARGUMENTS,
        limits.LOG_CHUNK,
        limits.RECEIPT,
        limits.RESULT,
        limits.ITEM,
        limits.FILES,
    ):
        assert f"{value:,}" in text, value


def test_unsealed_is_stamped_where_it_says() -> None:
    unsealed = Unsealed(bytearray(16), 8, 0)
    assert unsealed.stamp(5, 9) == bytes(8) + struct.pack("<Q", 5)
