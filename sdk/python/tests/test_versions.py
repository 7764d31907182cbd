"""Versions at a real scheduler, and at an agent: the common one is spoken, and where there is none both ranges are named."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from agent_world import World
from conftest import PATIENCE_S, ROOT, Cell
from newer_schema import NEW_NAME, write_newer
from test_newer import write_by_flatc

from stint_sdk import wire
from stint_sdk.protocol import messages as m
from stint_sdk.protocol.clock import read_now
from stint_sdk.protocol.encode import encode_reject
from stint_sdk.protocol.session import AgentSession, Ended, Established, Event, Identity, Received
from stint_sdk.wire import FrameKind

Found = TypeVar("Found")


class Peer:
    """An agent by hand."""

    def __init__(self, cell: Cell, key_file: Path, versions: tuple[int, int]) -> None:
        words = json.loads(key_file.read_text())
        identity = Identity(words["agent"], words["key_epoch"], bytes.fromhex(words["key"]), os.urandom(16), os.urandom(16))
        self.session = AgentSession(identity, 1, os.urandom(32), read_now(), versions=versions)
        host, port = cell.server.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), PATIENCE_S)

    def flush(self) -> None:
        while self.session.has_output:
            self.socket.sendall(self.session.take_output(read_now(), 1 << 20))

    def wait_for(self, find: Callable[[Event], Found | None]) -> Found:
        while True:
            self.flush()
            for event in self.session.take_events():
                if (found := find(event)) is not None:
                    return found
            before = read_now().boot_ns
            data = self.socket.recv(65_536)
            assert data, "the connection ended"
            self.session.on_bytes(data, read_now(), before)

    def message(self, kind: type[Found]) -> Found:
        return self.wait_for(lambda event: event.message if isinstance(event, Received) and isinstance(event.message, kind) else None)

    def send_body(self, body: bytes) -> None:
        self.flush()
        session: Any = self.session
        session._out_sequence += 1
        epoch = session._identity.key_epoch
        frame = wire.seal_frame(FrameKind.DATA, epoch, session._session, session._out_sequence, body, session._keys.a2s)
        self.socket.sendall(frame)


@pytest.fixture
def key_file(cell: Cell, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "key"
    name = request.node.name.replace("_", "-")[:50]
    cell.stint("agent", "token", "--name", name, "--key-file", str(path))
    return path


@pytest.fixture
def make_peer(cell: Cell, key_file: Path) -> Iterator[Callable[[int, int], Peer]]:
    peers: list[Peer] = []

    def make(lowest: int, highest: int) -> Peer:
        peers.append(Peer(cell, key_file, (lowest, highest)))
        return peers[-1]

    yield make
    for peer in peers:
        peer.socket.close()


def refusals(cell: Cell, reason: str) -> int:
    request = urllib.request.Request(f"{cell.server}/metrics", headers={"Authorization": f"Bearer {cell.token}"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        lines = answer.read().decode().splitlines()
    start = f'stint_session_refusals_total{{reason="{reason}"}}'
    return next((int(line.split()[-1]) for line in lines if line.startswith(start)), 0)


def test_a_newer_agent_speaks_the_common_version_and_may_say_too_much(make_peer: Callable[[int, int], Peer], tmp_path: Path) -> None:
    peer = make_peer(1, 9)
    peer.wait_for(lambda event: event if isinstance(event, Established) else None)
    peer.session.send(m.Resume(m.AgentInfo("newer", drivers=("noop",))))
    peer.message(m.Reconcile)
    newer = write_newer(ROOT / "schema", tmp_path / "newer")
    body = write_by_flatc(newer, {"timestamp": 5, "message_type": NEW_NAME, "message": {"text": "x"}}, tmp_path)[: -wire.TAG_SIZE]
    stamp = body.index((5).to_bytes(8, "little"))
    time_ms = peer.session._clock.session_time_ms(read_now().boot_ns)
    peer.send_body(body[:stamp] + time_ms.to_bytes(8, "little") + body[stamp + 8 :])
    error = peer.message(m.Error)
    assert error.code == "unknown_message"
    before = peer.session.last_heard_ns or 0
    peer.session._enqueue(m.Heartbeat(1))
    peer.flush()
    while (peer.session.last_heard_ns or 0) <= before:  # the answer to it
        started = read_now().boot_ns
        peer.session.on_bytes(peer.socket.recv(65_536), read_now(), started)
    assert not peer.session.has_ended


def test_an_agent_without_a_common_version_hears_both_ranges(make_peer: Callable[[int, int], Peer], cell: Cell) -> None:
    before = refusals(cell, "unsupported_version")
    ended = make_peer(7, 9).wait_for(lambda event: event if isinstance(event, Ended) else None)
    assert (ended.code, ended.detail) == ("rejected", "unsupported_version: versions 7 to 9 offered, 1 to 1 spoken")
    assert refusals(cell, "unsupported_version") == before + 1


def test_an_agent_says_in_its_log_what_a_newer_scheduler_told_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.session = world.agent.on_link_open(world.now)
    world.session.take_output(world.now, 1 << 20)
    reject = m.Reject("unsupported_version", "versions 1 to 1 offered, 2 to 4 spoken")
    world.feed(wire.seal_reject(encode_reject(reject).stamp(5, 0)))
    assert "unsupported_version: versions 1 to 1 offered, 2 to 4 spoken" in world.logged[-1]


def test_an_agent_takes_no_version_that_it_has_not_offered(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(ValueError):
        world.connect(version=2)
    assert "HELLO_ACK chose version 2, versions 1 to 1 offered" in world.logged[-1]
