"""The C++ implementation and this package, on one corpus and on what chance makes of it: the same verdict, by the same code, on everything,
and the same values where both accept.

STINT_DIFFERENTIAL_ROUNDS: mutations of each test (5,000). STINT_DIFFERENTIAL_SEED: what a failure names.
"""

from __future__ import annotations

import hmac
import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, STINT
from protocol_samples import data_buffer, handshake_buffers, mutate, single_messages

from stint_sdk import _lz4, wire
from stint_sdk.generated.wire_schema import SchedulerMessage
from stint_sdk.protocol import decode
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.checker import Refused
from stint_sdk.wire import FrameKind, FrameReader, FrameRefused

ROUNDS = int(os.environ.get("STINT_DIFFERENTIAL_ROUNDS", "5000"))
SEED = int(os.environ.get("STINT_DIFFERENTIAL_SEED", "20261126"))
CORPUS = ROOT / "tests/fuzz/corpus"
KEY = bytes([0x42]) * 32
LIMIT = 64 * 1024
DECODERS = {
    "hello": decode.decode_hello,
    "hello_ack": decode.decode_hello_ack,
    "reject": decode.decode_reject,
    "enrol": decode.decode_enrol,
    "enrol_ack": decode.decode_enrol_ack,
    "data": decode.decode_message,
}


class Oracle:
    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @classmethod
    def start(cls) -> Oracle:
        program = STINT.parent / "wire_verdict"
        if not program.exists():
            pytest.fail(f"no {program}: cmake --build --preset release --target wire_verdict")
        return cls(program)

    def ask(self, question: str) -> list[str]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert answer, f"no answer: {question}"
        return answer

    def frame(self, data: bytes, key: bytes | None, sequence: int, body_limit: int = LIMIT, raw_limit: int = LIMIT) -> list[str]:
        return self.ask(f"frame {body_limit} {raw_limit} {'-' if key is None else key.hex()} {sequence} {data.hex()}")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    oracle = Oracle.start()
    yield oracle
    oracle.end()


def decoded(kind: str, buffer: bytes) -> Any:
    """The message, or the code that refuses it."""
    try:
        return DECODERS[kind](decode.open_envelope(buffer))
    except Refused as refused:
        return refused.code


def as_written(message: Any) -> list[Any]:
    """What a writer makes of it: room for a Heartbeat's clock, which is stamped later; templates that somebody uses, in that order; what is
    confirmed in a list of its own, before the rest."""
    if isinstance(message, m.Heartbeat):
        return [m.Heartbeat(message.clock_boot_ns or 1, message.running)]
    if isinstance(message, m.AssignmentList):
        parts = [m.AssignmentList(confirmed=message.confirmed)] if message.confirmed else []
        if not message.items:
            return parts
        used = list(dict.fromkeys(item.template_index for item in message.items))
        items = tuple(m.Assignment(item.ref, used.index(item.template_index)) for item in message.items)
        templates = tuple(message.templates[index] for index in used)
        return [*parts, m.AssignmentList(templates, items, message.extras, message.is_provisional)]
    return [message]


def check_envelope(oracle: Oracle, kind: str, buffer: bytes, outcomes: Counter[str], told: str) -> None:
    theirs, ours = oracle.ask(f"{kind} {buffer.hex()}"), decoded(kind, buffer)
    told = f"{told}: {kind} {buffer.hex()}"
    if isinstance(ours, str):
        assert theirs == [ours], told
        outcomes[ours] += 1
        return
    assert theirs[0] == "accept", f"{told}: they say {theirs[0]}, we read {ours}"
    outcomes["accept"] += 1
    ours, again = as_written(ours), [decoded(kind, bytes.fromhex(part)) for part in theirs[1:]]
    assert again in ([], ours), f"{told}\nwe read  {ours}\nthey read {again}"


def test_the_corpus_of_the_fuzzers(oracle: Oracle) -> None:
    outcomes: Counter[str] = Counter()
    for path in sorted((CORPUS / "verifier").iterdir()):
        data = path.read_bytes()
        whole = data[: len(data) // 8 * 8]
        if len(whole) <= wire.TAG_SIZE:
            continue
        for kind in DECODERS:
            check_envelope(oracle, kind, whole, outcomes, path.name)
    assert outcomes["accept"] >= 18, outcomes  # one for each message at least


def test_what_was_released_and_what_is_nearly_that(oracle: Oracle) -> None:
    from test_released import RELEASES, connections

    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    good = [(kind, buffer) for release in RELEASES for one in connections(release) for _, kind, buffer in one.buffers()]
    for kind, buffer in good:
        check_envelope(oracle, kind, buffer, outcomes, "released")
    assert set(outcomes) == {"accept"}
    buffers = [buffer for _, buffer in good]
    for number in range(ROUNDS):
        kind, buffer = draw.choice(good)
        check_envelope(oracle, kind, mutate(draw, buffer, buffers), outcomes, f"seed {SEED}, mutation {number}")
    assert outcomes["malformed"] > ROUNDS / 10 and len(outcomes) > 10, outcomes


def test_messages_that_are_good(oracle: Oracle) -> None:
    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(max(200, ROUNDS // 10)):
        check_envelope(oracle, "data", data_buffer(draw), outcomes, f"seed {SEED}, message {number}")
        for kind, buffer in handshake_buffers(draw).items():
            check_envelope(oracle, kind, buffer, outcomes, f"seed {SEED}, message {number}")
    for name, buffer in single_messages().items():
        check_envelope(oracle, "data", buffer, outcomes, name)
    assert set(outcomes) == {"accept"}


def test_messages_that_are_nearly_good(oracle: Oracle) -> None:
    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    good = [("data", data_buffer(draw)) for _ in range(200)]
    good += [("data", buffer) for buffer in single_messages().values()]
    for _ in range(8):
        good += list(handshake_buffers(draw).items())
    buffers = [buffer for _, buffer in good]
    for number in range(ROUNDS):
        kind, buffer = draw.choice(good)
        if draw.random() < 0.1:
            kind = draw.choice(list(DECODERS))
        check_envelope(oracle, kind, mutate(draw, buffer, buffers), outcomes, f"seed {SEED}, mutation {number}")
    # The test is worth nothing if chance makes only rubbish, or nothing but what both accept.
    assert outcomes["accept"] > ROUNDS / 100 and outcomes["malformed"] > ROUNDS / 10 and len(outcomes) > 10, outcomes


def judged(data: bytes, key: bytes | None, sequence: int, body_limit: int = LIMIT, raw_limit: int = LIMIT) -> list[str]:
    reader = FrameReader()
    reader.body_limit, reader.raw_limit = body_limit, raw_limit
    reader.feed(data)
    try:
        frame = reader.next()
        if frame is None:
            return ["incomplete"]
        if frame.header.kind == FrameKind.REJECT:
            return ["accept", wire.open_reject(frame).hex()]
        if key is None:
            return ["unknown_key"]
        return ["accept", wire.open_frame(frame, key, sequence).hex()]
    except FrameRefused as refused:
        return [refused.code]


def test_the_conformance_vectors(oracle: Oracle) -> None:
    vectors = json.loads((ROOT / "conformance/vectors/frames.json").read_text())["vectors"]
    for vector in vectors:
        key = None if vector["key"] is None else bytes.fromhex(vector["key"])
        question = (bytes.fromhex(vector["frame"]), key, int(vector["expected_sequence"]), vector["body_limit"], vector["raw_limit"])
        assert oracle.frame(*question) == judged(*question), vector["name"]


def test_frames_that_are_nearly_good(oracle: Oracle) -> None:
    """Signed anew after the change, for otherwise nothing behind the MAC would be reached."""
    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    bodies = [bytes(draw.choice(b"ab \0") for _ in range(draw.randrange(128, 800) * 8)) for _ in range(40)]
    frames = [wire.seal_frame(FrameKind.DATA, 1, 99, 5, body, KEY, compress=number % 4 != 0) for number, body in enumerate(bodies)]
    frames += [wire.seal_frame(FrameKind.HELLO, 1, 7, 0, bodies[0][:64], KEY), wire.seal_reject(bodies[0][:64])]
    for number in range(ROUNDS):
        changed = bytearray(mutate(draw, draw.choice(frames), frames))
        if draw.random() < 0.8 and len(changed) >= wire.FRAME_OVERHEAD:
            header = wire.HEADER.unpack_from(draw.choice(frames))  # a good one, for the length that it has
            length = len(changed) - wire.FRAME_OVERHEAD
            raw = draw.choice((header[7], length))
            flags = draw.choice((header[3], 1, 0, changed[4]))
            wire.HEADER.pack_into(changed, 0, b"St", 1, draw.choice((3, 3, 3, header[2])), flags, 4, 1, length, raw, 99, 5)
            changed[-32:] = hmac.digest(KEY, bytes(changed[:-32]), "sha256")
        ours = judged(bytes(changed), KEY, 5)
        theirs = oracle.frame(bytes(changed), KEY, 5)
        assert theirs == ours, f"seed {SEED}, mutation {number}: {changed.hex()}"
        outcomes[ours[0]] += 1
    assert outcomes["accept"] and outcomes["bad_compression"] > ROUNDS / 20 and outcomes["bad_mac"] and outcomes["bad_flags"], outcomes


@pytest.mark.parametrize("slowly", [True, False])
def test_blocks_by_the_letter(oracle: Oracle, monkeypatch: pytest.MonkeyPatch, slowly: bool) -> None:
    """The last bytes of a block are where decoders differ: short ones, with and without liblz4."""
    if slowly:
        monkeypatch.setattr(_lz4, "_fast", None)
    elif not wire.CAN_COMPRESS:
        pytest.skip("no lz4 package")
    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        plain = bytes(draw.choice(b"ab") for _ in range(8 * draw.randrange(2, 12)))
        block = bytearray(_lz4.compress_slowly(plain))
        for _ in range(draw.randrange(3)):
            block[draw.randrange(len(block))] = draw.randrange(256)
        if draw.random() < 0.3:
            del block[draw.randrange(1, len(block) + 1) :]
        pad = -len(block) % 8
        signed = wire.Header(FrameKind.DATA, 1 | pad << 1, 1, len(block) + pad, len(plain), 99, 5).pack() + bytes(block) + bytes(pad)
        frame = signed + hmac.digest(KEY, signed, "sha256")
        ours, theirs = judged(frame, KEY, 5), oracle.frame(frame, KEY, 5)
        assert theirs == ours, f"seed {SEED}, block {number}: {block.hex()} for {len(plain)} bytes"
        outcomes[ours[0]] += 1
    assert outcomes["accept"] > ROUNDS / 10 and outcomes["bad_compression"] > ROUNDS / 10, outcomes


def test_every_message_has_a_sample() -> None:
    draw = random.Random(SEED)
    seen = {decode.open_envelope(data_buffer(draw)).message_type for _ in range(400)}
    seen |= {decode.open_envelope(buffer).message_type for buffer in (*single_messages().values(), *handshake_buffers(draw).values())}
    assert seen == {int(kind) for kind in SchedulerMessage} - {0}
