"""Frames and keys, against the conformance vectors and byte by byte."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from conftest import ROOT

from stint_sdk import _ed25519, _lz4, wire
from stint_sdk.errors import InvalidArgument
from stint_sdk.protocol.enrol import parse_token
from stint_sdk.wire import FrameKind, FrameReader, FrameRefused, Header

VECTORS = ROOT / "conformance/vectors"
KEY = bytes([0x42]) * 32


def vectors(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / name).read_text())["vectors"]
    return found


def by_name(vector: Any) -> str:
    return str(vector["name"])


def receive(vector: Any, piece: int) -> str:
    """What a receiver makes of the bytes, in pieces of that length."""
    data = bytes.fromhex(vector["frame"])
    reader = FrameReader()
    reader.body_limit, reader.raw_limit = vector["body_limit"], vector["raw_limit"]
    try:
        for at in range(0, len(data), piece):
            reader.feed(data[at : at + piece])
            if frame := reader.next():
                break
        else:
            return "incomplete"
        if frame.header.kind == FrameKind.REJECT:
            buffer = wire.open_reject(frame)
        elif vector["key"] is None:
            return "unknown_key"
        else:
            buffer = wire.open_frame(frame, bytes.fromhex(vector["key"]), int(vector["expected_sequence"]))
    except FrameRefused as refused:
        return refused.code
    assert buffer.hex() == vector["buffer"]
    return "accept"


@pytest.mark.parametrize("piece", [1, 7, 32, 1 << 20])
@pytest.mark.parametrize("vector", vectors("frames.json"), ids=by_name)
def test_frame_vectors(vector: Any, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert receive(vector, piece) == vector["expect"]
    monkeypatch.setattr(_lz4, "_fast", None)
    assert receive(vector, piece) == vector["expect"], "without liblz4"


@pytest.mark.parametrize("vector", [one for one in vectors("keys.json") if one["derives"] == "agent_key"], ids=by_name)
def test_agent_keys(vector: Any) -> None:
    key = wire.derive_agent_key(bytes.fromhex(vector["master"]), int(vector["agent"]), vector["generation"])
    assert key.hex() == vector["agent_key"]


@pytest.mark.parametrize("vector", [one for one in vectors("keys.json") if one["derives"] == "session_keys"], ids=by_name)
def test_session_keys(vector: Any) -> None:
    read = {name: bytes.fromhex(value) for name, value in vector.items() if name not in ("name", "comment", "derives")}
    hello = wire.derive_hello_keys(read["agent_key"])
    assert (hello.a2s, hello.s2a) == (read["hello_a2s"], read["hello_s2a"])
    for frame, key in ((read["hello_frame"], hello.a2s), (read["hello_ack_frame"], hello.s2a)):
        reader = FrameReader()
        reader.feed(frame)
        found = reader.next()
        assert found is not None
        wire.open_frame(found, key, 0)
    transcript = wire.handshake_transcript(read["hello_frame"], read["hello_ack_frame"])
    assert transcript == read["transcript"]
    keys = wire.derive_session_keys(read["agent_key"], read["nonce_c"], read["nonce_s"], transcript)
    assert (keys.a2s, keys.s2a) == (read["k_a2s"], read["k_s2a"])


@pytest.mark.parametrize("vector", [one for one in vectors("keys.json") if one["derives"] == "enrol_keys"], ids=by_name)
def test_enrolment_keys(vector: Any) -> None:
    numbers = ("name", "comment", "derives", "token", "agent", "key_epoch", "generation")
    read = {name: bytes.fromhex(value) for name, value in vector.items() if name not in numbers}
    token = int(vector["token"])
    prk = wire.derive_enrol_prk(token, read["secret"])
    keys = wire.derive_enrol_keys(prk)
    assert (prk, keys.a2s, keys.s2a) == (read["enrol_prk"], read["enrol_a2s"], read["enrol_s2a"])
    assert _ed25519.public_key_of(read["signing_seed"]) == read["public_key"]
    text = wire.enrol_proof_text(token, read["nonce_c"], read["public_key"], read["cell"])
    assert text == read["proof_text"] and _ed25519.sign(read["signing_seed"], text) == read["proof"]
    digest = hashlib.sha256(read["enrol_frame"]).digest()
    assert wire.derive_enrol_wrap_key(prk, read["nonce_c"], read["nonce_s"], digest) == read["wrap_key"]


@pytest.mark.parametrize("vector", [one for one in vectors("keys.json") if one["derives"] == "rekey_wrap"], ids=by_name)
def test_wrap_keys_of_a_rekey(vector: Any) -> None:
    key = wire.derive_rekey_wrap_key(bytes.fromhex(vector["session_agent_key"]), bytes.fromhex(vector["nonce"]))
    assert key.hex() == vector["wrap_key"]


@pytest.mark.parametrize("vector", vectors("tokens.json"), ids=by_name)
def test_tokens(vector: Any) -> None:
    if vector["expect"] == "refuse":
        with pytest.raises(InvalidArgument, match="copy the whole line"):
            parse_token(vector["text"])
        return
    token = parse_token(vector["text"])
    assert (str(token.id), token.secret.hex(), token.cell.hex()) == (vector["id"], vector["secret"], vector["cell"])
    assert token.pins == ((f"sha256:{vector['cell']}",) if any(token.cell) else ())


def test_every_reason_of_a_frame_has_a_vector() -> None:
    seen = {vector["expect"] for vector in vectors("frames.json")}
    assert set(wire.FRAME_CODES) <= seen


def test_a_sealed_frame_is_these_bytes() -> None:
    frame = wire.seal_frame(FrameKind.DATA, 0x0102, 0x1112131415161718, 0x2122232425262728, b"12345678", KEY)
    assert frame[:32].hex() == "5374010300040201080000000800000018171615141312112827262524232221"
    assert frame[32:40] == b"12345678"
    assert frame[40:] == hmac.digest(KEY, frame[:40], "sha256")


def test_compressed_only_if_it_saves_a_tenth() -> None:
    draw = random.Random(1)
    noise = draw.randbytes(4096)
    for body, is_compressed in ((b"a" * 4096, True), (noise, False), (b"a" * 1016, False), (b"a" * 1024, True)):
        frame = wire.seal_frame(FrameKind.DATA, 1, 9, 1, body, KEY, compress=True)
        assert wire.parse_header(frame, 1 << 21, 1 << 21).is_compressed is is_compressed
        reader = FrameReader(1 << 21)
        reader.feed(frame)
        found = reader.next()
        assert found is not None and wire.open_frame(found, KEY, 1)[:-32] == body


def test_a_handshake_is_never_compressed() -> None:
    assert wire.seal_frame(FrameKind.HELLO, 1, 9, 0, bytes(2048), KEY, compress=True)[4] == 0


@pytest.mark.parametrize("size", [1, 5, 12, 13, 17, 64, 300, 5000, 70_000])
def test_blocks_there_and_back(size: int) -> None:
    draw = random.Random(size)
    for plain in (
        bytes(size),
        draw.randbytes(size),
        bytes(draw.choice(b"ab") for _ in range(size)),
        (b"abcdefgh" * (size // 8 + 1))[:size],
    ):
        block = _lz4.compress_slowly(plain)
        assert _lz4.decompress_slowly(block, size) == plain
        assert _lz4.decompress(block, size) == plain
        assert _lz4.decompress_slowly(block, size + 1) is None
        assert size == 1 or _lz4.decompress_slowly(block, size - 1) is None
        assert len(block) <= size + size // 255 + 16


def test_a_frame_over_the_limit_is_refused_on_its_header() -> None:
    reader = FrameReader()
    header = Header(FrameKind.DATA, 0, 1, 8192, 8192, 9, 1).pack()
    reader.feed(header[:31])
    assert reader.next() is None
    reader.feed(header[31:])
    with pytest.raises(FrameRefused, match="too_large"):
        reader.next()
    with pytest.raises(FrameRefused, match="too_large"):  # for good
        reader.next()


def test_a_limit_that_was_raised_holds_for_the_next_frame() -> None:
    reader = FrameReader()
    small, large = (wire.seal_frame(FrameKind.DATA, 1, 9, number, bytes(size), KEY) for number, size in ((1, 8), (2, 8192)))
    reader.feed(small + large)
    assert reader.next() is not None
    reader.set_limit(1 << 21)
    assert reader.next() is not None
    assert reader.buffered == 0
