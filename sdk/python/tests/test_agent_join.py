"""The pasted line, TLS and newer keys, as an agent in a real cell meets them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import Agent
from conftest import PATIENCE_S, Cell, eventually, make_cell
from proxy import LosingProxy
from tls_server import TlsServer, make_certificate

from stint_sdk import Client, Job, Task
from stint_sdk.protocol.enrol import parse_token

WRONG = "sha256:" + "0" * 64
Words = dict[str, Any]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """Of its own, for its keys are rotated."""
    yield from make_cell(tmp_path_factory.mktemp("joined"))


@pytest.fixture
def make_joiner(cell: Cell, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Agent]]:
    agents: list[Agent] = []

    def make() -> Agent:
        name = re.sub("[^a-z0-9]+", "-", f"{request.node.name}-{len(agents)}".lower())[-60:]
        agents.append(Agent(cell, tmp_path, name, "--cpu", "1", key=tmp_path / f"{name}.json"))
        return agents[-1]

    yield make
    for agent in agents:
        if agent.process is not None and agent.process.poll() is None:
            agent.end()
    for agent in agents:
        with contextlib.suppress(OSError):
            print(f"--- {agent.name}\n{agent.log}")


@pytest.fixture
def joiner(make_joiner: Callable[..., Agent]) -> Agent:
    return make_joiner()


def https(cell: Cell) -> str:
    return cell.server.replace("http://", "https://")


def pins_of(cell: Cell) -> list[str]:
    """The cell's keys, the one that it shows first. Agents are told the newest first."""
    return str(json.loads((cell.state / "context.json").read_text())["tls_pin"]).split(",")


def make_token(cell: Cell, name: str) -> str:
    return str(json.loads(cell.stint("agent", "token", "--name", name, "--json"))["token"])


def key_of(agent: Agent) -> Words:
    words: Words = json.loads(agent.key.read_text())
    return words


def join(agent: Agent, server: str, token: str, *options: str) -> Words:
    done = agent.try_to_join(server, token, *options)
    assert done.returncode == 0, done.stderr
    return key_of(agent)


def refusal(agent: Agent, server: str, token: str, *options: str) -> str:
    done = agent.try_to_join(server, token, "--timeout", "1s", *options)
    assert done.returncode == 125 and not agent.key.exists(), done.stdout
    return done.stderr


def test_a_pasted_line_makes_an_agent_that_works_over_tls(joiner: Agent, cell: Cell, client: Client, tmp_path: Path) -> None:
    token = make_token(cell, joiner.name)
    words = join(joiner, https(cell), token)
    seed = joiner.key.with_name(words["signing_key"])
    assert words["server"] == https(cell) and words["name"] == joiner.name and words["token"] == parse_token(token).name
    assert words["tls_pins"] == pins_of(cell)[:1]
    assert [path.stat().st_mode & 0o777 for path in (joiner.key, seed)] == [0o600, 0o600]
    assert re.fullmatch("[0-9a-f]{64}\n", seed.read_text())
    joiner.options = (*joiner.options, "--label", f"who={joiner.name}")
    joiner.start()
    (tmp_path / "a.txt").write_text("brought over TLS")
    task = Task(
        ["transform", 'files=["a.txt"]'],
        driver="python",
        resources={"cpu": "50m"},
        labels={"who": joiner.name},
        inputs={"a.txt": tmp_path / "a.txt"},
        outputs=["deep/"],
    )
    job = client.submit(Job("joined", [task]))
    job.wait(PATIENCE_S)
    job.download(tmp_path / "out")
    [copy] = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert copy.read_text() == "BROUGHT OVER TLS"
    # The cell announces its next key too, and the agent keeps both.
    eventually("the pins of both keys", lambda: key_of(joiner)["tls_pins"] == pins_of(cell)[::-1])


def test_the_line_works_once_and_again_for_who_used_it(make_joiner: Callable[..., Agent], cell: Cell) -> None:
    first, second = make_joiner(), make_joiner()
    token = make_token(cell, first.name)
    words = join(first, https(cell), token)
    assert "token_used" in refusal(second, https(cell), token)
    assert "had joined already" in first.try_to_join(https(cell), token).stdout
    first.key.unlink()  # the answer was lost; who asks is in the file beside it
    assert join(first, https(cell), token) == words
    other = make_token(cell, second.name)
    done = first.try_to_join(https(cell), other)
    assert done.returncode == 125 and "did not join with this token" in done.stderr and key_of(first) == words


def test_the_standard_library_is_enough_to_join(joiner: Agent, cell: Cell) -> None:
    program = "import sys; sys.modules['cryptography'] = None; from stint_sdk.agent.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "join", https(cell), make_token(cell, joiner.name), "--key-file", str(joiner.key)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    joiner.start()


def test_a_lost_answer_locks_nobody_out(joiner: Agent, cell: Cell) -> None:
    where = urllib.parse.urlsplit(cell.server)
    proxy = LosingProxy(str(where.hostname), where.port or 0, losses=2)
    words = join(joiner, proxy.url.removeprefix("http://"), make_token(cell, joiner.name))
    assert proxy.lost.count(b"St\x01\x06") == 2, "two answers were given, and lost"
    assert [agent["name"] for agent in cell.client().agents()].count(joiner.name) == 1 and words["agent"] > 0


def test_a_killed_joiner_asks_again_as_who_it_was(joiner: Agent, cell: Cell) -> None:
    where = urllib.parse.urlsplit(cell.server)
    proxy = LosingProxy(str(where.hostname), where.port or 0, losses=1 << 30)
    token = make_token(cell, joiner.name)
    joiner.try_to_join(proxy.url, token, "--timeout", "1s")
    assert proxy.lost and not joiner.key.exists()
    assert join(joiner, cell.server, token)["name"] == joiner.name


def test_tokens_that_are_refused(joiner: Agent, cell: Cell) -> None:
    token = make_token(cell, joiner.name)
    assert "mistyped" in refusal(joiner, https(cell), token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert not joiner.key.with_name(joiner.key.name + ".ed25519").exists(), "nobody was asked, and nothing made"
    assert "make a new one" in refusal(joiner, cell.server, forged(token), "--timeout", "20s")


def forged(token: str) -> str:
    """Another secret under the same id."""
    packed = bytearray(base64.urlsafe_b64decode(token.removeprefix("st1_")))
    packed[8] ^= 1
    packed[56:] = hashlib.sha256(packed[:56]).digest()[:4]
    return "st1_" + base64.urlsafe_b64encode(packed).decode()


def test_another_key_than_the_tokens_is_told_nothing(joiner: Agent, cell: Cell, tmp_path: Path) -> None:
    somebody = TlsServer(tmp_path, ["stint/1"])
    token = make_token(cell, joiner.name)
    told = refusal(joiner, f"https://{somebody.address}", token)
    assert f"shows key {somebody.pin}, pinned is {pins_of(cell)[0]}" in told
    assert somebody.told == b"" and somebody.handshakes + somebody.refused > 0
    told = refusal(joiner, https(cell), token, "--cell-pin", WRONG)
    assert f"shows key {pins_of(cell)[0]}, pinned is {WRONG}" in told


def test_a_server_that_does_not_choose_frames_is_told_nothing(joiner: Agent, cell: Cell, tmp_path: Path) -> None:
    somebody = TlsServer(tmp_path, ["http/1.1"])
    told = refusal(joiner, f"https://{somebody.address}", make_token(cell, joiner.name), "--cell-pin", somebody.pin)
    assert "stint/1" in told or "no application protocol" in told.lower()
    assert somebody.told == b""


def test_an_agent_tells_nothing_to_another_key(joiner: Agent, cell: Cell, tmp_path: Path) -> None:
    join(joiner, https(cell), make_token(cell, joiner.name))
    somebody = TlsServer(tmp_path, ["stint/1"])
    joiner.server = f"https://{somebody.address}"
    joiner.start(connected=False)
    eventually("the refusal in its log", lambda: f"shows key {somebody.pin}" in joiner.log)
    assert somebody.told == b"" and joiner.end() == 0


def test_an_authority_and_a_clients_certificate(joiner: Agent, cell: Cell, tmp_path: Path) -> None:
    join(joiner, https(cell), make_token(cell, joiner.name))
    (authority,) = cell.state.rglob("tls.crt")
    joiner.options = ("--ca-file", str(authority))
    joiner.start()
    joiner.end()
    certificate, key = make_certificate(tmp_path, "client")
    somebody = TlsServer(tmp_path, ["stint/1"], client_ca=certificate)
    joiner.server = f"https://{somebody.address}"
    joiner.options = ("--cell-pin", somebody.pin)
    joiner.start(connected=False)
    eventually("that it must show a certificate", lambda: "certificate required" in joiner.log.lower())
    assert joiner.end() == 0 and somebody.told == b""
    joiner.options = ("--cell-pin", somebody.pin, "--client-cert", str(certificate), "--client-key", str(key))
    joiner.start(connected=False)
    eventually("HELLO", lambda: somebody.told[:4] == b"St\x01\x01")
    assert joiner.end(signal.SIGTERM) == 0


def test_an_agent_that_slept_through_a_rotation_returns(joiner: Agent, cell: Cell) -> None:
    before = join(joiner, https(cell), make_token(cell, joiner.name))
    joiner.start()
    cell.stint("keys", "rotate", "--grace", "1s")
    eventually("the newer key", lambda: key_of(joiner)["key_epoch"] == before["key_epoch"] + 1)
    eventually("the older one forgotten", lambda: key_of(joiner)["older_keys"] == [])
    eventually("connected", lambda: joiner.view()["state"] == "connected")
    joiner.end()
    eventually("the grace over", lambda: '"accepted"' not in cell.stint("keys", "status", "--json"))
    cell.stint("keys", "rotate", "--grace", "1s")
    eventually("the grace over", lambda: '"accepted"' not in cell.stint("keys", "status", "--json"))
    slept = key_of(joiner)
    joiner.start()
    eventually("the older one forgotten", lambda: key_of(joiner)["older_keys"] == [])
    after = key_of(joiner)
    assert after["key_epoch"] == slept["key_epoch"] + 1 and after["key"] != slept["key"]
    assert (after["agent"], after["token"], after["signing_key"]) == (before["agent"], before["token"], before["signing_key"])
    assert after["tls_pins"] == pins_of(cell)[::-1]
