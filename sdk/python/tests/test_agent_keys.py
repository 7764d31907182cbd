"""Newer keys over a session, and attempts that may not be alone for long."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_world import KEY, World, ref, statuses
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stint_sdk import wire
from stint_sdk.agent.held_keys import HeldKey, HeldKeys, read_key_file, write_keys
from stint_sdk.generated.wire_schema import DisconnectPolicy, EndReason, TaskStatus
from stint_sdk.protocol import messages as m


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path)


# Keys.

NEW_KEY = bytes([8]) * 32
Line = tuple[Any, ...]


def rekey(epoch: int = 2, generation: int = 0, *, key: bytes = NEW_KEY, agent: int = 7, under: bytes = KEY) -> m.Rekey:
    nonce = bytes([epoch]) * 32
    wrap_key, address = wire.derive_rekey_wrap_key(under, nonce), wire.wrap_address(agent, epoch, generation)
    return m.Rekey(epoch, generation, nonce, AESGCM(wrap_key).encrypt(bytes(12), key, address))


def line_of(world: World) -> Line:
    return (world.session, world.reader, world.keys, world.epoch, world.sent, world.heard)


def take_up(world: World, line: Line) -> None:
    world.session, world.reader, world.keys, world.epoch, world.sent, world.heard = line


def test_a_new_key_is_kept_and_the_session_moves_to_it_without_a_moment_alone(world: World) -> None:
    world.connect()
    world.assign(ref())
    world.start(ref())
    world.updates()
    world.say(rekey())
    assert world.written == [[HeldKey(2, NEW_KEY), HeldKey(1, KEY)]] and world.agent.wants_second_line
    first = line_of(world)
    resume = world.connect(reconcile=False, key=NEW_KEY, epoch=2)
    assert not world.agent.wants_second_line and [held.ref for held in resume.held] == [ref()]
    second = line_of(world)
    take_up(world, first)
    world.say(m.Cancel((m.CancelItem(ref()),)))  # still comes, where nobody listens any more
    assert world.runners.signals == [] and world.said() == []
    take_up(world, second)
    world.say(m.Reconcile((m.AttemptVerdict(ref(), acked_update=1),)))
    assert world.written[-1] == [HeldKey(2, NEW_KEY)]
    assert statuses(world.updates()) == [(2, TaskStatus.RUNNING)]
    second = line_of(world)
    take_up(world, first)
    assert [type(message) for message in world.said()] == [m.Close]
    world.cut()
    take_up(world, second)
    assert world.agent.is_synced
    world.end(ref())
    assert statuses(world.updates()) == [(3, TaskStatus.COMPLETED)]


def test_a_second_line_that_fails_leaves_the_session_alone(world: World) -> None:
    world.connect()
    world.say(rekey())
    first = line_of(world)
    candidate = world.agent.on_link_open(world.now)
    world.agent.on_link_closed(candidate, world.now)
    take_up(world, first)
    assert world.agent.is_synced
    world.say(rekey())  # the offer comes again
    assert world.agent.wants_second_line and len(world.written) == 1


def test_a_successor_that_fails_before_reconcile_ends_both(world: World) -> None:
    world.connect()
    world.say(rekey())
    first = line_of(world)
    world.connect(reconcile=False, key=NEW_KEY, epoch=2)
    world.say(m.StatusAck())  # out of order
    assert world.session.has_ended
    take_up(world, first)
    assert world.session.has_ended


@pytest.mark.parametrize(
    "bad, text",
    [
        (rekey(1), "not newer than 1"),
        (rekey(2, agent=8), "does not open as one of agent 7"),
        (rekey(2, under=NEW_KEY), "does not open"),
        (m.Rekey(3, 0, bytes(32), bytes(48)), "does not open"),
    ],
)
def test_new_keys_that_are_refused(world: World, bad: m.Rekey, text: str) -> None:
    world.connect()
    world.say(bad)
    [error] = world.said()
    assert isinstance(error, m.Error) and error.code == "bad_rekey" and text in error.detail
    assert world.written == [] and not world.agent.wants_second_line and world.agent.is_synced


def test_a_key_that_cannot_be_kept_is_not_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connect()

    def full(_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(world.agent._keys, "_write", full)
        world.say(rekey())
    assert not world.agent.wants_second_line
    world.say(rekey())
    assert world.agent.wants_second_line


def test_refused_keys_are_tried_in_turn_and_none_is_forgotten() -> None:
    keys = HeldKeys([HeldKey(1, KEY), HeldKey(3, NEW_KEY), HeldKey(2, KEY)], lambda _: None)
    tried = []
    for _ in range(4):
        tried.append(keys.current.epoch)
        keys.on_refused(keys.current.epoch)
    assert tried == [3, 2, 1, 3]


def test_key_files_are_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(json.dumps({"server": "a:1", "agent": 3, "name": "box", "key_epoch": 1, "key": "ab" * 32, "pins": ["x"]}))
    path.chmod(0o600)
    write_keys(path, [HeldKey(2, NEW_KEY, 1), HeldKey(1, bytes([0xAB]) * 32)])
    assert read_key_file(path).keys == [HeldKey(2, NEW_KEY, 1), HeldKey(1, bytes([0xAB]) * 32)]
    words = json.loads(path.read_text())
    assert words["pins"] == ["x"] and words["key_epoch"] == 2 and path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key"]


# Alone.


def test_an_attempt_that_may_not_be_alone_for_long_is_stopped_as_lost(world: World) -> None:
    world.connect()
    world.assign(ref(0), on_disconnect=DisconnectPolicy.STOP_AFTER, stop_after_ms=5000)
    world.assign(ref(1))
    for one in range(2):
        world.start(ref(one))
    world.cut()
    world.pass_time(4000)
    world.connect(m.AttemptVerdict(ref(0), acked_update=2), m.AttemptVerdict(ref(1), acked_update=2))
    world.cut()
    world.pass_time(4999)
    assert world.runners.signals == []
    world.pass_time(1)
    assert world.runners.signals == [(ref(0), signal.SIGTERM)]
    world.end(ref(0), status="stopped")
    world.connect()
    [end] = [update for update in world.updates() if update.ref == ref(0)]
    assert (end.status, end.reason) == (TaskStatus.FAILED, EndReason.LOST) and "stop_after" in end.detail
