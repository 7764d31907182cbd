"""What released versions wrote is read by this one and means what it meant, and what this one writes can be read by them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from meaning import meaning_of

from stint_sdk import wire
from stint_sdk.protocol import decode
from stint_sdk.protocol import messages as m
from stint_sdk.wire import FrameKind, FrameReader, RawFrame

FOLDER = ROOT / "conformance/released"
RELEASES = sorted(int(path.name) for path in FOLDER.iterdir() if path.is_dir())


class Connection:
    """Reads frames in their order, deriving the keys from what goes by."""

    def __init__(self, words: dict[str, Any]) -> None:
        self.writer, self.frames = str(words["writer"]), words["frames"]
        self.session: wire.DirectionKeys | None = None
        self.sequences = {"agent": 0, "scheduler": 0}
        self.hello_frame, self.nonce = b"", b""
        if "agent_key" in words:
            self.agent_key = bytes.fromhex(words["agent_key"])
            self.handshake = wire.derive_hello_keys(self.agent_key)
        else:
            self.handshake = wire.derive_enrol_keys(wire.derive_enrol_prk(int(words["token"]), bytes.fromhex(words["secret"])))

    def buffers(self) -> Iterator[tuple[dict[str, Any], str, bytes]]:
        """The item, its kind for a decoder, `body ‖ tag`."""
        for item in self.frames:
            reader = FrameReader(1 << 21)
            reader.feed(bytes.fromhex(item["frame"]))
            frame = reader.next()
            assert frame is not None and reader.buffered == 0
            yield item, frame.header.kind.name.lower(), self.open(frame, item["from"])

    def open(self, frame: RawFrame, sender: str) -> bytes:
        kind = frame.header.kind
        if kind == FrameKind.REJECT:
            return wire.open_reject(frame)
        keys = self.session if kind == FrameKind.DATA else self.handshake
        assert keys is not None
        self.sequences[sender] += kind == FrameKind.DATA
        buffer = wire.open_frame(frame, keys.a2s if sender == "agent" else keys.s2a, self.sequences[sender])
        if kind == FrameKind.HELLO:
            self.hello_frame, self.nonce = frame.data, decode.decode_hello(decode.open_envelope(buffer)).nonce
        if kind == FrameKind.HELLO_ACK:
            ack = decode.decode_hello_ack(decode.open_envelope(buffer))
            transcript = wire.handshake_transcript(self.hello_frame, frame.data)
            self.session = wire.derive_session_keys(self.agent_key, self.nonce, ack.nonce, transcript)
        return buffer


DECODERS = {
    "hello": decode.decode_hello,
    "hello_ack": decode.decode_hello_ack,
    "reject": decode.decode_reject,
    "enrol": decode.decode_enrol,
    "enrol_ack": decode.decode_enrol_ack,
    "data": decode.decode_message,
}


def connections(release: int) -> list[Connection]:
    document = json.loads((FOLDER / str(release) / "sessions.json").read_text())
    assert document["release"] == release
    return [Connection(words) for part in ("sessions", "enrolments") for words in document[part]]


def read(kind: str, buffer: bytes) -> Any:
    return DECODERS[kind](decode.open_envelope(buffer))


@pytest.mark.parametrize("release", RELEASES)
def test_frames_mean_what_they_meant(release: int) -> None:
    seen = set()
    for connection in connections(release):
        for item, kind, buffer in connection.buffers():
            assert meaning_of(read(kind, buffer)) == item["message"], f"{item['name']} by {connection.writer}"
            seen.add(decode.open_envelope(buffer).message_type)
    assert release > 1 or seen == set(range(1, 23)), "every message of the release"


def test_what_was_released_is_as_it_was() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    held = [*FOLDER.glob("*/*.json"), *(ROOT / "schema/released").glob("*/*.fbs")]
    assert {str(path.relative_to(ROOT)) for path in held} == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest, f"{name} was released: it stays as it is, for ever"
    for release in RELEASES:
        assert f"schema/released/{release}/envelope.fbs" in sums


def read_by_flatc(schema: Path, buffer: bytes, folder: Path) -> dict[str, Any]:
    """As somebody reads it who knows nothing but that schema."""
    (folder / "one.bin").write_bytes(buffer)
    flatc: list[str | Path] = ["flatc", "--json", "--strict-json", "--raw-binary", "-o", folder, schema, "--", folder / "one.bin"]
    subprocess.run(flatc, check=True, capture_output=True)
    words: dict[str, Any] = without_empty(json.loads((folder / "one.json").read_text()))
    words.pop("signature", None)
    words.pop("timestamp", None)
    return words


def without_empty(words: Any) -> Any:
    """A list or text that is absent means an empty one."""
    if isinstance(words, list):
        return [without_empty(item) for item in words]
    if isinstance(words, dict):
        return {name: without_empty(member) for name, member in words.items() if member not in ("", [])}
    return words


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_written_today_reads_the_same_in_the_released_schema(release: int, tmp_path: Path) -> None:
    from test_differential import Oracle

    schema = ROOT / "schema/released" / str(release) / "envelope.fbs"
    oracle = Oracle.start()
    compared = 0
    for connection in connections(release):
        for item, kind, buffer in connection.buffers():
            if item["name"].endswith("_alone"):
                continue  # nobody writes these
            expected = read_by_flatc(schema, buffer, tmp_path)
            verdict, *again = oracle.ask(f"{kind} {buffer.hex()}")
            assert verdict == "accept" and len(again) == 1
            for written in (bytes.fromhex(again[0]), write(kind, read(kind, buffer))):
                assert read_by_flatc(schema, written, tmp_path) == expected, f"{item['name']} by {connection.writer}"
                compared += 1
    oracle.end()
    assert compared > 100


def write(kind: str, message: Any) -> bytes:
    from stint_sdk.protocol import encode

    writers = {
        "hello": encode.encode_hello,
        "hello_ack": encode.encode_hello_ack,
        "reject": encode.encode_reject,
        "enrol": encode.encode_enrol,
        "enrol_ack": encode.encode_enrol_ack,
    }
    unsealed = encode.encode_message(message)[0] if kind == "data" else writers[kind](message)  # type: ignore[operator]
    clock = message.clock_boot_ns if isinstance(message, m.Heartbeat) else 0
    return unsealed.stamp(5, clock) + bytes(wire.TAG_SIZE)
