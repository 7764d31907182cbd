"""How an agent knows its cell: pins that are announced, kept, and told to its workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from agent_world import World, ref

from stint_sdk.agent.address import Address
from stint_sdk.agent.held_keys import HeldKey, read_key_file, write_keys, write_pins
from stint_sdk.agent.trust import CellTrust, TlsOptions
from stint_sdk.errors import InvalidArgument
from stint_sdk.protocol import messages as m

OLD, NEW, GIVEN = (f"sha256:{digit * 64}" for digit in "123")
ANNOUNCED = m.CellPins((bytes.fromhex("22" * 32), bytes.fromhex("11" * 32)))


class Keeper:
    def __init__(self) -> None:
        self.kept: list[tuple[str, ...]] = []
        self.is_full = False

    def __call__(self, pins: Sequence[str]) -> None:
        if self.is_full:
            raise OSError("no space left")
        self.kept.append(tuple(pins))


def test_pins_of_the_key_file_count_until_the_cell_announces_others(tmp_path: Path) -> None:
    keeper = Keeper()
    world = World(tmp_path)
    trust = world.agent._trust = CellTrust(TlsOptions(), {}, [OLD], keeper)
    before = trust.frames()
    assert before.pins == (OLD,) and trust.frames() is before
    world.connect()
    world.say(ANNOUNCED)
    assert keeper.kept == [(NEW, OLD)] and trust.frames().pins == (NEW, OLD)
    assert before.pins == (OLD,), "a connection that is being made knows what it knew"
    world.agent.server = Address("far", 1, is_tls=True)
    world.assign(ref(), inputs=bytes(32))
    assert world.runners.started[ref()]["stage"]["server"] == {
        "host": "far",
        "port": 1,
        "tls": {"pins": (NEW, OLD), "ca_file": "", "certificate": "", "key": ""},
    }
    assert world.agent.is_synced, "the session goes on"


def test_pins_that_cannot_be_kept_do_not_count(tmp_path: Path) -> None:
    keeper = Keeper()
    keeper.is_full = True
    world = World(tmp_path)
    trust = world.agent._trust = CellTrust(TlsOptions(), {}, [OLD], keeper)
    world.connect()
    world.say(ANNOUNCED)
    assert list(trust.current.pins) == [OLD] and "cannot be kept: no space left" in world.logged[-1]
    keeper.is_full = False
    world.say(ANNOUNCED)
    assert list(trust.current.pins) == [NEW, OLD]


@pytest.mark.parametrize(
    "options, environment, known, pins, ca_file",
    [
        (TlsOptions(), {}, [], (), ""),
        (TlsOptions(), {"STINT_CELL_PIN": GIVEN, "STINT_CA_FILE": "env.crt"}, [], (GIVEN,), "env.crt"),
        (TlsOptions(), {"STINT_CELL_PIN": GIVEN}, [OLD], (OLD,), ""),
        (TlsOptions(cell_pin=GIVEN), {"STINT_CELL_PIN": NEW}, [OLD], (GIVEN,), ""),
        (TlsOptions(cell_pin=f"{GIVEN}, {NEW}"), {}, [], (GIVEN, NEW), ""),
        (TlsOptions(ca_file="ca.crt"), {"STINT_CELL_PIN": NEW}, [OLD], (), "ca.crt"),
    ],
)
def test_what_is_believed(options: TlsOptions, environment: dict[str, str], known: list[str], pins: Sequence[str], ca_file: str) -> None:
    trust = CellTrust(options, environment, known)
    assert (trust.current.pins, trust.current.ca_file) == (pins, ca_file)
    trust.take(ANNOUNCED.pins)
    is_fixed = bool(options.cell_pin or options.ca_file)
    assert trust.current.pins == (tuple(pins) if is_fixed else (NEW, OLD))


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for options in (
        TlsOptions(ca_file=str(tmp_path / "none")),
        TlsOptions(ca_file=str(tmp_path / "empty")),
        TlsOptions(cell_pin=OLD, certificate=str(tmp_path / "none")),
        TlsOptions(cell_pin=OLD, certificate=str(tmp_path / "empty"), key=str(tmp_path / "empty")),
    ):
        with pytest.raises(InvalidArgument, match="(none|empty)"):
            CellTrust(options, {}).frames()
    with pytest.raises(InvalidArgument, match="no pin"):
        CellTrust(TlsOptions(cell_pin="sha256:12"), {})


def test_pins_in_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    good = {"server": "a:1", "agent": 3, "name": "box", "key_epoch": 1, "key": "ab" * 32, "signing_key": "key.ed25519"}
    path.write_text(json.dumps(good))
    path.chmod(0o600)
    assert read_key_file(path).tls_pins == ()
    write_pins(path, [NEW, OLD])
    assert read_key_file(path).tls_pins == (NEW, OLD) and json.loads(path.read_text())["signing_key"] == "key.ed25519"
    inode = path.stat().st_ino
    write_pins(path, [NEW, OLD])
    assert path.stat().st_ino == inode, "nothing to write"
    write_keys(path, [HeldKey(2, bytes(32))])
    assert read_key_file(path).tls_pins == (NEW, OLD)
    path.write_text(json.dumps({**good, "tls_pins": ["sha1:12"]}))
    with pytest.raises(InvalidArgument, match="tls_pins"):
        read_key_file(path)
