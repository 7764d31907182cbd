"""A real cell for the tests that need one: `stint dev` with two agents, on a port of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stint_sdk import Client

ROOT = Path(__file__).resolve().parents[3]
STINT = Path(os.environ.get("STINT_BIN_DIR", ROOT / "build/release/bin")) / "stint"
PATIENCE_S = 60  # for what happens at once on an idle machine, also on a loaded one


class Cell:
    """Agents named local-1 and local-2, with 4 cores' worth of tasks of 500m between them at least."""

    def __init__(self, state: Path) -> None:
        self.state = state
        # Tasks have this very Python as python3, without what the environment of the tests has installed.
        (state / "bin").mkdir()
        (state / "bin/python3").symlink_to(Path(sys.executable).resolve())
        self.environment = {**os.environ, "STINT_STATE_DIR": str(state), "PATH": f"{state}/bin:{os.environ['PATH']}"}
        for name in ("STINT_SERVER", "STINT_TOKEN"):
            self.environment.pop(name, None)

    def stint(self, *arguments: str) -> str:
        done = subprocess.run([STINT, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"stint {' '.join(arguments)}: {done.returncode}: {done.stderr}"
        return done.stdout

    @property
    def server(self) -> str:
        context = json.loads((self.state / "context.json").read_text())
        return str(context["server"])

    @property
    def token(self) -> str:
        context = json.loads((self.state / "context.json").read_text())
        return str(context["token"])

    def client(self, **options: float) -> Client:
        return Client(state_dir=self.state, **options)  # type: ignore[arg-type]

    def kill_scheduler(self) -> None:
        """kill -9; `stint dev` starts another in its place."""
        (process,) = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self.is_scheduler(entry)]
        os.kill(process, signal.SIGKILL)

    def is_scheduler(self, process: Path) -> bool:
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return words[1:3] == [b"scheduler", b"start"] and any(word.startswith(os.fsencode(self.state)) for word in words)


def make_cell(state: Path) -> Iterator[Cell]:
    if not STINT.exists():
        pytest.fail(f"no {STINT}: cmake --preset release && cmake --build --preset release")
    cell = Cell(state)
    try:
        cell.stint("dev", "--detach", "--agents", "2", "--listen", "127.0.0.1:0")
        yield cell
    finally:
        subprocess.run([STINT, "dev", "stop"], env=cell.environment, capture_output=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    yield from make_cell(tmp_path_factory.mktemp("cell"))


@pytest.fixture
def client(cell: Cell) -> Iterator[Client]:
    with cell.client() as client:
        yield client


def eventually(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.05)
