"""A peer of tomorrow: what it may add is passed over, or refused without harm, by this package and by the C++ implementation alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from meaning import meaning_of
from newer_schema import NEW_NAME, NEW_NUMBER, NEW_TEXT, write_newer
from test_differential import Oracle
from test_released import RELEASES, connections, read, read_by_flatc

from stint_sdk import wire
from stint_sdk.generated.wire_schema import SCHEMA
from stint_sdk.protocol.checker import Refused

Words = dict[str, Any]
Frame = tuple[str, str, bytes]  # name, kind, `body ‖ tag`


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    oracle = Oracle.start()
    yield oracle
    oracle.end()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_newer(ROOT / "schema", tmp_path_factory.mktemp("newer") / "schema")


def frames() -> Iterator[tuple[Frame, Words]]:
    """All that is released, with what it means."""
    for release in RELEASES:
        for connection in connections(release):
            for item, kind, buffer in connection.buffers():
                yield (f"{item['name']} by {connection.writer}", kind, buffer), item["message"]


def write_by_flatc(schema: Path, words: Words, folder: Path) -> bytes:
    """`body ‖ tag`: form B, by a writer that is neither of ours."""
    (folder / "one.json").write_text(json.dumps(words))
    subprocess.run(["flatc", "-b", "-o", folder, schema, folder / "one.json"], check=True, capture_output=True)
    return wire.padded_body((folder / "one.bin").read_bytes()) + bytes(wire.TAG_SIZE)


def verdict_here(kind: str, buffer: bytes) -> str | Words:
    try:
        return meaning_of(read(kind, buffer))
    except Refused as refused:
        return refused.code


def verdict_there(oracle: Oracle, kind: str, buffer: bytes) -> str | Words:
    verdict, *again = oracle.ask(f"{kind} {buffer.hex()}")
    return meaning_of(read(kind, bytes.fromhex(again[0]))) if verdict == "accept" else verdict


def with_more(words: Words, table: str) -> Words:
    """Every table has what only the newer schema knows."""
    out: Words = {NEW_NUMBER: 2**63, NEW_TEXT: "of tomorrow"}
    for name, value in words.items():
        field = SCHEMA.tables[table].by_name.get(name)
        if field is not None and field.kind == "table":
            out[name] = with_more(value, field.of)
        elif field is not None and field.kind == "tables":
            out[name] = [with_more(item, field.of) for item in value]
        elif field is not None and field.kind == "union":
            out[name] = with_more(value, words[f"{name}_type"])
        else:
            out[name] = value
    return out


def test_it_is_a_schema_that_may_follow(newer: Path) -> None:
    subprocess.run(["flatc", "--conform", ROOT / "schema/envelope.fbs", newer], check=True, capture_output=True)
    lock = subprocess.run(
        [sys.executable, ROOT / "tools/schema_lock.py", "--may-follow", newer.parent], capture_output=True, text=True, check=False
    )
    assert lock.returncode == 0, lock.stderr


def test_fields_that_nobody_knows_are_passed_over(oracle: Oracle, newer: Path, tmp_path: Path) -> None:
    seen = set()
    for (name, kind, buffer), message in frames():
        words = {"timestamp": 5, **read_by_flatc(ROOT / "schema/envelope.fbs", buffer, tmp_path)}
        written = write_by_flatc(newer, with_more(words, "MessageEnvelope"), tmp_path)
        assert written.count(b"of tomorrow") >= 2, "the message has them too"
        assert verdict_here(kind, written) == message, name
        assert verdict_there(oracle, kind, written) == message, name
        seen.add(words["message_type"])
    assert len(seen) >= 22


def test_a_newer_reader_reads_old_frames(newer: Path, tmp_path: Path) -> None:
    for (name, _, buffer), _ in frames():
        assert read_by_flatc(newer, buffer, tmp_path) == read_by_flatc(ROOT / "schema/envelope.fbs", buffer, tmp_path), name


def test_a_message_that_nobody_knows_is_refused_without_harm(oracle: Oracle, newer: Path, tmp_path: Path) -> None:
    words = {"timestamp": 5, "message_type": NEW_NAME, "message": {"text": "x"}}
    buffer = write_by_flatc(newer, words, tmp_path)
    assert verdict_here("data", buffer) == verdict_there(oracle, "data", buffer) == "unknown_message"
    for kind in ("hello", "hello_ack", "reject", "enrol", "enrol_ack"):
        assert verdict_here(kind, buffer) == verdict_there(oracle, kind, buffer) == "wrong_direction"


def test_another_version_of_the_schema_is_refused(oracle: Oracle, newer: Path, tmp_path: Path) -> None:
    words = {"version": 2, "timestamp": 5, "message_type": "Heartbeat", "message": {"clock_boot_ns": 1}}
    buffer = write_by_flatc(newer, words, tmp_path)
    assert verdict_here("data", buffer) == verdict_there(oracle, "data", buffer) == "bad_envelope"


REF = {"job": 1, "group": 0, "index": 0, "attempt": 1}
UPDATE = {
    "attempt": REF,
    "started_ms": 0,
    "ended_ms": 0,
    "number": 1,
    "exit_code": 0,
    "progress": 0.0,
    "status": 1,
    "reason": 0,
    "signal": 0,
}
HELD = {"attempt": REF, "stdout_bytes": 0, "stderr_bytes": 0, "last_update": 0, "status": 1}
ITEM = {"attempt": REF, "template_index": 0}
# A message, and where in it an enum stands; `""` accepts.
ENUMS = [
    ("UpdateList", {"records": [UPDATE]}, ("records", 0, "status"), "bad_enum"),
    ("UpdateList", {"records": [UPDATE]}, ("records", 0, "reason"), "bad_enum"),
    ("StatusUpdate", {"attempt": REF}, ("status",), "bad_enum"),
    ("StatusUpdate", {"attempt": REF}, ("reason",), "bad_enum"),
    ("AssignmentList", {"templates": [{"driver": "noop"}], "items": [ITEM]}, ("templates", 0, "agent_type"), "bad_enum"),
    ("AssignmentList", {"templates": [{"driver": "noop"}], "items": [ITEM]}, ("templates", 0, "on_disconnect"), "bad_enum"),
    ("AssignmentList", {"templates": [{"driver": "noop"}], "items": [ITEM]}, ("templates", 0, "storage_backend"), "bad_enum"),
    ("AgentInfo", {"name": "a"}, ("types", 0), "bad_enum"),
    ("Resume", {"info": {"name": "a"}, "held": [HELD]}, ("held", 0, "status"), "bad_enum"),
    (
        "Reconcile",
        {"items": [{"attempt": REF, "stdout_acked": 0, "stderr_acked": 0, "acked_update": 0, "verdict": 1}]},
        ("items", 0, "verdict"),
        "bad_enum",
    ),
    ("Cancel", {"items": [{"attempt": REF, "mode": 1, "reason": 6}]}, ("items", 0, "mode"), "bad_enum"),
    ("Cancel", {"items": [{"attempt": REF, "mode": 1, "reason": 6}]}, ("items", 0, "reason"), "bad_enum"),
    ("LogChunk", {"attempt": REF, "bytes": [1]}, ("stream",), "bad_enum"),
    ("Credit", {"log_acks": [{"attempt": REF, "acked": 0, "stream": 1}]}, ("log_acks", 0, "stream"), "bad_enum"),
    ("Close", {}, ("reason",), "bad_enum"),
]


def with_value_at(words: Any, place: tuple[Any, ...], value: Any) -> Any:
    key, rest = place[0], place[1:]
    if isinstance(words, list):
        return [with_value_at(item, rest, value) if at == key else item for at, item in enumerate(words)]
    if rest == (0,) and key not in words:
        return {**words, key: [value]}
    return {**words, key: with_value_at(words[key], rest, value) if rest else value}


@pytest.mark.parametrize("kind, words, place, code", ENUMS, ids=lambda one: one if isinstance(one, str) else "")
def test_values_that_nobody_knows(
    oracle: Oracle, newer: Path, tmp_path: Path, kind: str, words: Words, place: tuple[Any, ...], code: str
) -> None:
    good = write_by_flatc(newer, {"timestamp": 5, "message_type": kind, "message": words}, tmp_path)
    assert isinstance(verdict_here("data", good), dict) and isinstance(verdict_there(oracle, "data", good), dict)
    changed = with_value_at(words, place, NEW_NAME)
    buffer = write_by_flatc(newer, {"timestamp": 5, "message_type": kind, "message": changed}, tmp_path)
    verdicts = verdict_here("data", buffer), verdict_there(oracle, "data", buffer)
    assert verdicts == (code, code)


def test_every_enum_has_a_case(newer: Path) -> None:
    """Whoever adds one adds it to ENUMS."""
    text = "".join(path.read_text() for path in newer.parent.glob("*.fbs"))
    assert text.count(f"  {NEW_NAME} = ") == 10  # nine enums and the union
